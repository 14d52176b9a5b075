import assert from 'node:assert/strict'
import type { Check } from './session.ts'

/** Nothing grows without a bound. */
export const queueChecks: readonly Check[] = [
	{
		title: 'a queue that is full says so, and takes messages again once it is not',
		async run(session) {
			const [a, b] = await session.meet('a', 'b')
			const { messages, bytes } = session.harness.queue
			const body = new Uint8Array(bytes)
			let accepted = 0
			let refused = 0
			for (let number = 0; number < messages && refused === 0; number++) {
				if (a!.channel.send(b!.self, [number, body])) accepted += 1
				else refused += 1
			}
			assert.equal(refused, 1, `Expected a queue to be full after ${messages} messages`)
			assert.equal(a!.channel.counts.dropped, 1)
			await session.until(() => b!.messages.length === accepted, 'what was accepted to arrive')
			await session.until(() => a!.channel.send(b!.self, 'again'), 'the queue to have room')
			await session.until(() => b!.messages[b!.messages.length - 1] === 'again', 'the next one to arrive')
			const numbers = b!.messages.filter(Array.isArray).map(one => one[0] as number)
			assert.deepEqual(
				numbers,
				Array.from({ length: accepted }, (_, index) => index),
			)
		},
	},
	{
		title: 'a queue that is full takes no broadcasts either',
		async run(session) {
			const [a, b] = await session.meet('a', 'b')
			const { messages, bytes } = session.harness.queue
			const body = new Uint8Array(bytes)
			let accepted = 0
			while (accepted < messages && a!.channel.broadcast([accepted, body]) === 1) accepted += 1
			assert(accepted < messages, `Expected a queue to be full after ${messages} broadcasts`)
			await session.until(() => b!.messages.length === accepted, 'what was accepted to arrive')
			assert(a!.channel.counts.dropped > 0)
		},
	},
]
