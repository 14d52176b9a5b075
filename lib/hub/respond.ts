import type { Peer } from '../core/transport.ts'
import type { HubMessage } from './messages.ts'
import type { HubPort } from './strategy.ts'

/**
 * What every node does with a message of ours, whatever its strategy: takes in what is news, acknowledges what wants it,
 * asks for what is missing, and answers comparisons. At once, so for strategies that do not count their messages.
 */
export const respond = (hub: HubPort, message: HubMessage, from: Peer): void => {
	switch (message.kind) {
		case 'ack':
			return
		case 'news':
		case 'rumor': {
			const { gaps } = hub.registry.apply(message)
			if (message.kind === 'news') hub.send(from, { kind: 'ack', ref: message.ref })
			if (gaps.length > 0) hub.send(from, hub.exchange.want(gaps))
			return
		}
		case 'digest':
		case 'parts':
		case 'summary':
		case 'transfer':
			for (const make of hub.exchange.answer(message)) {
				const reply = make()
				if (reply !== undefined) hub.send(from, reply)
			}
	}
}
