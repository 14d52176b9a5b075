import assert from 'node:assert/strict'
import type { Check } from './session.ts'

/** The end is the end. */
export const closingChecks: readonly Check[] = [
	{
		title: 'no callback comes after a channel is closed, whatever is under way',
		async run(session) {
			const [a, b, c] = await session.meet('a', 'b', 'c')
			for (let number = 0; number < 100; number++) b!.channel.broadcast(number)
			const closing = a!.close()
			for (let number = 0; number < 100; number++) b!.channel.broadcast(number)
			await session.within(closing, 'close')
			await session.roundTrip(b!, c!)
			assert.equal(a!.channel.send(b!.self, 1), false)
			assert.equal(a!.channel.broadcast(1), 0)
		},
	},
	{
		title: 'no callback comes after a channel is closed from within a callback',
		async run(session) {
			const [a, b] = [await session.join('a'), await session.join('b')]
			const ear = session.open(a, 'scope', { message: () => void ear.close() })
			const other = session.open(b)
			await session.until(
				() => other.channel.peers.size === 1 && ear.channel.peers.size === 1,
				'both to meet',
			)
			for (let number = 0; number < 50; number++) other.channel.send(ear.self, number)
			await session.until(() => other.changes.includes('down a goodbye'), 'the goodbye')
			assert.equal(ear.messages.length, 1)
		},
	},
	{
		title: 'no callback comes after a transport is closed',
		async run(session) {
			const [a, b, c] = await session.meet('a', 'b', 'c')
			const transport = await session.join('d')
			const ear = session.open(transport)
			await session.until(() => a!.channel.peers.size === 3, 'the fourth to come up')
			for (let number = 0; number < 100; number++) b!.channel.broadcast(number)
			ear.mustBeQuiet = true
			await session.within(transport.close(), 'close')
			c!.channel.broadcast('more')
			await session.until(() => a!.changes.includes('down d goodbye'), 'the goodbye')
			await session.roundTrip(b!, c!)
		},
	},
	{
		title: 'close may be called twice, at once and later, and nothing can be opened after it',
		async run(session) {
			const [a, b] = await session.meet('a', 'b')
			await session.within(Promise.all([a!.close(), a!.close()]), 'close')
			await session.within(a!.close(), 'close')
			const transport = await session.join('c')
			const ear = session.open(transport)
			await session.until(() => b!.channel.peers.has(ear.self.id), 'the third to come up')
			ear.mustBeQuiet = true
			await session.within(Promise.all([transport.close(), transport.close()]), 'close')
			await session.within(ear.close(), 'close of a channel after its transport')
			const listener = { peerUp() {}, peerDown() {}, message() {} }
			session.expectCode('STOPPED', () => transport.open('again', listener), 'open after close')
		},
	},
]
