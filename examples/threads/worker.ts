import { workerData } from 'node:worker_threads'
import { ProcessGroups } from 'remote-term/publisher'
import { BroadcastChannelTransport } from 'remote-term/transports/broadcast-channel'

export interface Question {
	readonly id: number
	readonly numbers: readonly number[]
}

export interface Answer {
	readonly id: number
	readonly sum: number
}

const { name, heartbeat } = workerData as { readonly name: string; readonly heartbeat: number }
const transport = new BroadcastChannelTransport({ name, heartbeat, keepAlive: true })
const questions = transport.open<Question | Answer>('questions', {
	peerUp() {},
	peerDown() {},
	message(from, message) {
		if ('numbers' in message)
			questions.send(from, { id: message.id, sum: message.numbers.reduce((a, b) => a + b, 0) })
	},
})
await ProcessGroups.start('groups', { transport }).join('adders', name)
