import assert from 'node:assert/strict'
import type { WhenUpOptions } from '../../core/transport.ts'
import type { Check, Ear } from './session.ts'

const names = (ear: Ear): string[] => [...ear.channel.peers.values()].map(({ name }) => name).sort()

/** Who is there, who is not any more, and who is somebody else now. */
export const membershipChecks: readonly Check[] = [
	{
		title: 'a peer has its name, a boot of its own, and both as its id',
		async run(session) {
			const [a, b] = [await session.join('a'), await session.join('b')]
			for (const [{ self }, name] of [
				[a, 'a'],
				[b, 'b'],
			] as const) {
				assert.equal(self.name, name)
				assert.match(self.boot, /^[^#]+$/)
				assert.equal(self.id, `${self.name}#${self.boot}`)
			}
			assert.notEqual(a.self.boot, b.self.boot)
		},
	},
	{
		title: 'peers of a scope come up at each other, and nobody at itself',
		async run(session) {
			const [a, b, c] = await session.meet('a', 'b', 'c')
			assert.deepEqual(
				[names(a!), names(b!), names(c!)],
				[
					['b', 'c'],
					['a', 'c'],
					['a', 'b'],
				],
			)
			assert.deepEqual(a!.changes.sort(), ['up b', 'up c'])
			for (const [id, peer] of a!.channel.peers) {
				assert.equal(id, peer.id)
				assert.equal(a!.channel.peers.get(id), peer)
				assert(a!.channel.peers.has(id))
			}
			assert(!a!.channel.peers.has(a!.self.id))
		},
	},
	{
		title: 'who comes late finds those who are there, and is found',
		async run(session) {
			const [a, b] = await session.meet('a', 'b')
			await session.roundTrip(a!, b!)
			const late = session.open(await session.join('late'))
			await session.until(() => late.channel.peers.size === 2, 'the late one to find both')
			await session.until(() => a!.channel.peers.size === 2, 'the late one to be found')
			assert.equal(late.channel.peers.get(a!.self.id)?.boot, a!.self.boot)
			assert.equal(a!.channel.peers.get(late.self.id)?.boot, late.self.boot)
			await session.roundTrip(late, a!)
		},
	},
	{
		title: 'who closes a channel says goodbye, behind everything that it has sent',
		async run(session) {
			const [a, b, c] = await session.meet('a', 'b', 'c')
			for (let number = 0; number < 100; number++) {
				if (number % 2) b!.channel.broadcast(number)
				else b!.channel.send(a!.self, number)
			}
			await session.within(b!.close(), 'close')
			await session.until(() => a!.changes.includes('down b goodbye'), 'the goodbye to come')
			assert.equal(a!.messagesOf('b').length, 100)
			assert.equal(a!.heard[a!.heard.length - 1]?.kind, 'down')
			assert.deepEqual(names(a!), ['c'])
			assert.equal(a!.channel.send(b!.self, 'too late'), false)
			await session.roundTrip(a!, c!)
		},
	},
	{
		title: 'closing a transport says goodbye in every scope',
		async run(session) {
			const transport = await session.join('a')
			const other = await session.join('b')
			const scopes = ['one', 'two', 'three']
			for (const scope of scopes) session.open(transport, scope).mustBeQuiet = false
			const ears = scopes.map(scope => session.open(other, scope))
			for (const ear of ears) await session.until(() => ear.channel.peers.size === 1, 'the peer to come up')
			await session.within(transport.close(), 'close')
			for (const ear of ears)
				await session.until(() => ear.changes.includes('down a goodbye'), 'a goodbye in each scope')
		},
	},
	{
		title: 'a restart is another peer: its predecessor is down first',
		async run(session) {
			const transport = await session.join('b')
			const a = session.open(await session.join('a'))
			const first = session.open(transport)
			await session.until(() => a.channel.peers.size === 1, 'the peer to come up')
			await session.crash(transport)
			first.mustBeQuiet = true
			const second = session.open(await session.join('b'))
			assert.equal(second.self.name, 'b')
			assert.notEqual(second.self.boot, first.self.boot)
			await session.until(() => a.channel.peers.has(second.self.id), 'the successor to come up')
			assert.deepEqual(
				a.heard.map(({ kind, peer }) => [kind, peer.id]),
				[
					['up', first.self.id],
					['down', first.self.id],
					['up', second.self.id],
				],
			)
			// Which of them says so first, the old one or the new one, is the network's affair.
			assert.match(a.changes[1]!, session.harness.crash ? /replaced|silent/ : /replaced|goodbye/)
			await session.until(() => second.channel.peers.has(a.self.id), 'the successor to find its peer')
			await session.roundTrip(a, second)
			assert.equal(a.channel.send(first.self, 'to the dead'), false)
		},
	},
	{
		title: 'a scope that was closed can be opened again, and is up again',
		async run(session) {
			const [a, b] = await session.meet('a', 'b')
			const transport = await session.join('c')
			const first = session.open(transport)
			await session.until(() => a!.channel.peers.size === 2, 'the third to come up')
			await session.within(first.close(), 'close')
			await session.until(() => a!.changes.includes('down c goodbye'), 'the goodbye to come')
			const second = session.open(transport)
			await session.until(() => a!.changes.filter(one => one === 'up c').length === 2, 'it to be up again')
			await session.until(() => second.channel.peers.size === 2, 'it to find both again')
			await session.roundTrip(second, a!)
			await session.roundTrip(b!, second)
		},
	},
	{
		title: 'scopes are separate',
		async run(session) {
			const [a, b] = [await session.join('a'), await session.join('b')]
			const [one, two] = [session.open(a, 'one'), session.open(b, 'two')]
			const [both, alsoBoth] = [session.open(a, 'both'), session.open(b, 'both')]
			await session.until(() => both.channel.peers.size === 1, 'the peer in the shared scope')
			await session.until(() => alsoBoth.channel.peers.size === 1, 'the peer in the shared scope')
			assert.equal(one.channel.broadcast('nobody hears this'), 0)
			assert.equal(one.channel.send(b.self, 'nor this'), false)
			both.channel.broadcast('for both')
			await session.roundTrip(both, alsoBoth)
			assert.deepEqual([one.heard, two.heard], [[], []])
			assert.deepEqual(alsoBoth.messages, ['for both'])
			assert.equal(one.channel.scope, 'one')
		},
	},
	{
		title: 'who waits for a peer is told when it is up in that scope, and at once where it is',
		async run(session) {
			const [here, there] = [await session.join('here'), await session.join('there')]
			const [a, b] = [session.open(here, 'one'), session.open(there, 'one')]
			await session.until(() => a.channel.peers.size === 1, 'the peer in the first scope')
			// By its peer as another scope tells it, before anybody over there has opened this one.
			const [peer] = [...a.channel.peers.values()]
			const other = session.open(here, 'two')
			const { limit: timeout } = session
			const waits = [other.channel.whenUp(peer!, { timeout }), other.channel.whenUp(peer!, { timeout })]
			assert.equal(other.channel.send(peer!, 'too early'), false)
			const late = session.open(there, 'two')
			await session.within(Promise.all(waits), 'whenUp')
			assert.equal(other.channel.send(peer!, 'now'), true)
			await session.within(a.channel.whenUp(b.self), 'whenUp for a peer that is up')
			await session.until(() => late.messages.includes('now'), 'the message to arrive')
		},
	},
	{
		title: 'a wait for a peer ends with its time, its signal and its channel',
		async run(session) {
			const [a, b] = await session.meet('a', 'b')
			const elsewhere = session.open(await session.join('c'), 'elsewhere')
			const whenUp = (options?: WhenUpOptions): Promise<void> =>
				session.within(a!.channel.whenUp(elsewhere.self, options), 'whenUp')
			await session.expectRejection('TIMEOUT', whenUp({ timeout: 1 }), 'a wait for nobody')
			await session.expectRejection('INVALID_OPTION', whenUp({ timeout: 0 }), 'a wait of no time')
			await session.expectRejection('INVALID_OPTION', a!.channel.whenUp(a!.self), 'a wait for ourselves')
			const abort = new AbortController()
			const { limit: timeout } = session
			const aborting = whenUp({ signal: abort.signal, timeout })
			const aborted = session.expectRejection('STOPPED', aborting, 'an aborted wait')
			abort.abort()
			await aborted
			await session.expectRejection('STOPPED', whenUp({ signal: abort.signal }), 'a wait aborted before')
			const closed = session.expectRejection('STOPPED', whenUp({ timeout }), 'a wait whose channel is closed')
			await session.within(a!.close(), 'close')
			await closed
			await session.expectRejection('STOPPED', a!.channel.whenUp(b!.self), 'a wait on a closed channel')
		},
	},
	{
		title: 'a scope cannot be open twice, and must have a name',
		async run(session) {
			const transport = await session.join('a')
			session.open(transport, 'one')
			const listener = { peerUp() {}, peerDown() {}, message() {} }
			session.expectCode('INVALID_OPTION', () => transport.open('one', listener), 'open of an open scope')
			for (const scope of ['', 'a b', '.a', 'a>', '*', 'a\r\nPUB x', 'x'.repeat(129), null as never])
				session.expectCode('INVALID_OPTION', () => transport.open(scope, listener), `open of '${scope}'`)
		},
	},
]
