import assert from 'node:assert/strict'
import type { Check } from './session.ts'

class Custom {
	field = 1
}

const circle = (): unknown => {
	const one: Record<string, unknown> = {}
	one['self'] = one
	return one
}

/** What arrives is what was sent, in its order, once, and nobody else's. */
export const messageChecks: readonly Check[] = [
	{
		title: 'what one peer sends to another arrives in order and once, send and broadcast together',
		async run(session) {
			const [a, b, c] = await session.meet('a', 'b', 'c')
			const toB: number[] = []
			const toC: number[] = []
			for (let number = 0; number < 2000; number++) {
				// In portions, so that no queue is full.
				if (number % 50 === 49) await session.roundTrip(a!, b!)
				if (number % 3 === 0) {
					assert.equal(a!.channel.broadcast(number), 2)
					toB.push(number)
					toC.push(number)
				} else if (number % 3 === 1) {
					assert(a!.channel.send(b!.self, number))
					toB.push(number)
				} else {
					assert(a!.channel.send(c!.self, number))
					toC.push(number)
				}
			}
			await session.until(() => b!.messages.length >= toB.length, 'everything to arrive')
			await session.until(() => c!.messages.length >= toC.length, 'everything to arrive')
			await session.roundTrip(a!, b!)
			await session.roundTrip(a!, c!)
			assert.deepEqual(b!.messages, toB)
			assert.deepEqual(c!.messages, toC)
		},
	},
	{
		title: 'what is sent as soon as a peer is up arrives, after the sender is up',
		async run(session) {
			const ears = ['a', 'b', 'c', 'd'].map(async name => {
				const transport = await session.join(name)
				const ear = session.open(transport, 'scope', {
					peerUp: peer => void ear.channel.send(peer, `to ${peer.name}`),
				})
				return ear
			})
			for (const ear of await Promise.all(ears)) {
				await session.until(() => ear.messages.length === 3, 'a greeting of each')
				for (const name of ['a', 'b', 'c', 'd'].filter(one => one !== ear.self.name)) {
					const kinds = ear.heard.filter(({ peer }) => peer.name === name).map(({ kind }) => kind)
					assert.deepEqual(kinds, ['up', 'message'])
				}
			}
		},
	},
	{
		title: 'what MessagePack can carry arrives as it was',
		async run(session) {
			const [a, b] = await session.meet('a', 'b')
			const values: unknown[] = [
				...[null, true, false, 0, 1.5, -1, 2 ** 53, NaN, Infinity, '', 'ü€😀', 'x'.repeat(70_000)],
				...[5n, -(2n ** 63n), 2n ** 64n - 1n, new Date(1_234_567), new Uint8Array([0, 255])],
				...[[], {}, [[1, [2]]], { a: { b: [null] } }, { '\0': 1, '': 2 }, `\ufeff${'x'.repeat(100)}`],
				...[new Map<unknown, unknown>([[{ key: 1 }, new Map([[1, new Set(['x'])]])]]), new Set([1n, 'a'])],
				{ constructor: 'none', toString: 'none', list: [new Date(0), new Uint8Array(3)] },
			]
			for (const value of values) assert(a!.channel.send(b!.self, value))
			await session.until(() => b!.messages.length === values.length, 'all values to arrive')
			assert.deepEqual(b!.messages, values)
			a!.channel.send(b!.self, { present: 1, absent: undefined })
			await session.until(() => b!.messages.length > values.length, 'the last one to arrive')
			assert.deepEqual(b!.messages[values.length], { present: 1 })
		},
	},
	{
		title: 'messages are copies',
		async run(session) {
			const [a, b, c] = await session.meet('a', 'b', 'c')
			const message = { list: [1], bytes: new Uint8Array([1]) }
			a!.channel.broadcast(message)
			a!.channel.send(b!.self, message)
			message.list.push(2)
			message.bytes[0] = 2
			await session.until(() => b!.messages.length === 2, 'both to arrive')
			await session.until(() => c!.messages.length === 1, 'the broadcast to arrive')
			const got = [...b!.messages, ...c!.messages] as Array<typeof message>
			for (const one of got) assert.deepEqual(one, { list: [1], bytes: new Uint8Array([1]) })
			assert.equal(new Set([message, ...got]).size, 4)
			got[0]!.bytes[0] = 9
			assert.equal(got[1]!.bytes[0], 1)
			assert.equal(got[2]!.bytes[0], 1)
		},
	},
	{
		title: 'what cannot be encoded is refused at send, and harms nothing',
		async run(session) {
			const [a, b] = await session.meet('a', 'b')
			const refused: unknown[] = [
				...[undefined, () => 1, Symbol('s'), new Custom(), circle(), Promise.resolve(), new Error('x')],
				...[2n ** 64n, new Date(NaN), [undefined], { a: { b: [/x/] } }, new Map([[1, () => 1]])],
				...[new Float64Array(1), new WeakMap(), '\ud800', JSON.parse('{"__proto__": 1}') as unknown],
			]
			for (const [index, message] of refused.entries()) {
				session.expectCode('INVALID_OPTION', () => a!.channel.send(b!.self, message), `send of #${index}`)
				session.expectCode('INVALID_OPTION', () => a!.channel.broadcast(message), `broadcast of #${index}`)
			}
			await session.roundTrip(a!, b!)
			assert.deepEqual(b!.messages, [])
		},
	},
	{
		title: 'a message up to the size limit arrives whole, one over it is refused',
		async run(session) {
			const [a, b, c] = await session.meet('a', 'b', 'c')
			const { maxMessageBytes } = session.harness
			const over = new Uint8Array(maxMessageBytes + 1)
			session.expectCode(
				'INVALID_OPTION',
				() => a!.channel.send(b!.self, over),
				'a message that is too large',
			)
			session.expectCode('INVALID_OPTION', () => a!.channel.broadcast(over), 'a message that is too large')
			const large = Uint8Array.from(
				{ length: maxMessageBytes - 64 },
				(_, index) => (index * 31) ^ (index >> 8),
			)
			assert(a!.channel.send(b!.self, large))
			await session.until(() => b!.messages.length === 1, 'a large message to arrive')
			assert.equal(a!.channel.broadcast({ large }), 2)
			await session.until(
				() => b!.messages.length === 2 && c!.messages.length === 1,
				'a large broadcast to arrive',
			)
			assert(Buffer.compare(b!.messages[0] as Uint8Array, large) === 0)
			for (const ear of [b!, c!]) {
				const got = ear.messages.find(one => typeof one === 'object' && one !== null && 'large' in one)
				assert(Buffer.compare((got as { large: Uint8Array }).large, large) === 0)
			}
		},
	},
	{
		title: 'a message to who is not up is not sent, and send says so',
		async run(session) {
			const [a, b] = await session.meet('a', 'b')
			const before = a!.channel.counts
			const stranger = { name: 'nobody', boot: 'x', id: 'nobody#x' }
			assert.equal(a!.channel.send(stranger, 1), false)
			assert.equal(a!.channel.send(a!.self, 1), false)
			assert.equal(a!.channel.counts.dropped, before.dropped + 2)
			assert.equal(a!.channel.counts.sent, before.sent)
			assert.equal(a!.channel.broadcast(1), 1)
			assert(a!.channel.send(b!.self, 2))
			assert.equal(a!.channel.counts.sent, before.sent + 2)
			await session.until(() => b!.messages.length === 2, 'both to arrive')
			assert.equal(b!.channel.counts.received, 2)
		},
	},
	{
		title: 'a listener that throws harms nobody, itself included',
		async run(session) {
			const fail = (): never => {
				throw new Error('Thrown by the suite')
			}
			const [a, b] = [await session.join('a'), await session.join('b')]
			const ear = session.open(a, 'scope', { peerUp: fail, peerDown: fail, message: fail })
			const other = session.open(b)
			await session.until(
				() => other.channel.peers.size === 1 && ear.channel.peers.size === 1,
				'both to meet',
			)
			await session.roundTrip(other, ear)
			await session.roundTrip(other, ear)
			await other.close()
			await session.until(() => ear.changes.includes('down b goodbye'), 'the goodbye')
		},
	},
	{
		title: 'callbacks come one at a time, and never from within a call',
		async run(session) {
			const transports = [await session.join('a'), await session.join('b'), await session.join('c')]
			const ears = transports.map(transport => {
				const ear = session.open(transport, 'scope', {
					peerUp: peer => void ear.quietly(() => ear.channel.send(peer, 5)),
					message: (peer, left) => {
						if (typeof left !== 'number' || left === 0) return
						ear.quietly(() => ear.channel.send(peer, left - 1))
						ear.quietly(() => ear.channel.broadcast(0))
					},
				})
				return ear
			})
			for (const ear of ears)
				await session.until(() => ear.messages.filter(one => one === 0).length > 10, 'messages to go around')
		},
	},
]
