import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import {
	StreamManager,
	relayedItems,
	type CommonStreamOptions,
	type RelayedItem,
} from '../../lib/autoconfig/index.ts'
import { silentLogger } from '../../lib/core/logger.ts'
import type { Lifetime } from '../support/lifetime.ts'

/** Follows the stream of a gateway as any of its clients does, without long delays. */
export const followGateway = (
	t: Lifetime,
	url: string,
	token: string,
	options: Partial<CommonStreamOptions<RelayedItem>> = {},
): StreamManager<RelayedItem> => {
	const manager = new StreamManager<RelayedItem>({
		...{ url, token, logger: silentLogger, startTimeout: 20_000 },
		retry: { base: 20, cap: 100, extendedBase: 50, extendedCap: 200 },
		kind: relayedItems('items'),
		handler: { add() {}, update() {}, delete() {} },
		...options,
	})
	t.teardown(() => manager.close())
	return manager
}

/** All that a client holds, by id. */
export const contentsOf = (manager: StreamManager<RelayedItem>): Record<string, RelayedItem> =>
	Object.fromEntries([...manager.entries()].sort().map(([id, item]) => [id, item]))

/** A client that opens the stream and reads nothing of it. */
export const openUnread = async (t: Lifetime, url: string, token: string): Promise<IncomingMessage> => {
	const request = httpRequest(`${url}/relay_auto_config`, { headers: { authorization: token } })
	request.on('error', () => {})
	t.teardown(() => void request.destroy())
	request.end()
	const [response] = (await once(request, 'response')) as [IncomingMessage]
	response.on('error', () => {})
	response.pause()
	return response
}
