import test from 'ava'
import { silentLogger } from '../../lib/core/logger.ts'
import { DataPublisher } from '../../lib/publisher/index.ts'
import { plainMessages, type Translation } from '../../lib/publisher/index.ts'
import { Version1, Version2, type Update2 } from '../../examples/rolling-upgrade/prices.ts'
import { Cluster, seen, watch } from './cluster.ts'
import { NumberSets, update, type SetUpdate, type SetView } from './number-sets.ts'

test('a cluster is upgraded node by node under load, and nobody ever misunderstands anybody', async t => {
	const cluster = new Cluster({ loss: 0.05, jitter: 10, detection: 300, seed: 11 })
	const names = ['a', 'b', 'c', 'd']
	const options = { clock: cluster.clock, logger: silentLogger, interval: 200, random: () => 0.5 }
	const start1 = (name: string) =>
		DataPublisher.start('prices', new Version1(), { ...options, transport: cluster.network.restart(name) })
	const start2 = (name: string) =>
		DataPublisher.start('prices', new Version2(), { ...options, transport: cluster.network.restart(name) })
	const old = new Map(names.map(name => [name, start1(name)]))
	const young = new Map<string, ReturnType<typeof start2>>()
	let cents = 0
	const load = async (): Promise<void> => {
		for (let round = 0; round < 10; round++) {
			cents++
			for (const one of old.values()) void one.update({ tea: cents, [`x${cents % 3}`]: round % 2 ? null : 1 })
			for (const one of young.values())
				void one.update({
					tea: { amount: cents * 2, currency: 'USD' },
					[`y${cents % 3}`]: round % 2 ? null : { amount: 1, currency: 'EUR' },
				})
			await cluster.settle(30)
		}
	}
	for (let upgraded = 0; upgraded <= names.length; upgraded++) {
		await load()
		await cluster.settle(10_000)
		for (const one of old.values()) {
			t.is(one.view.size, names.length)
			for (const prices of one.view.values()) t.is(prices['tea'], cents)
		}
		for (const one of young.values()) {
			t.is(one.view.size, names.length)
			for (const [id, prices] of one.view)
				t.deepEqual(
					prices['tea'],
					old.has(id.split('#')[0]!)
						? { amount: cents, currency: 'EUR' }
						: { amount: cents * 2, currency: 'USD' },
				)
		}
		for (const one of [...old.values(), ...young.values()]) {
			const status = one.status()
			t.is(status.rebuilt, 0)
			t.deepEqual(
				status.peers.map(({ state }) => state),
				names.slice(1).map(() => 'synced'),
			)
			for (const { peer, version } of status.peers) t.is(version, old.has(peer.name) ? 1 : 2)
		}
		const name = names[upgraded]
		if (name === undefined) break
		const before = old.get(name)!
		old.delete(name)
		young.set(name, start2(name))
		await before.stop()
	}
})

test('the one who starts learns the version of the other, and not its own', async t => {
	const cluster = new Cluster()
	const options = { clock: cluster.clock, logger: silentLogger, random: () => 0.5 }
	const one = DataPublisher.start('prices', new Version1(), {
		...options,
		transport: cluster.network.join('one'),
	})
	await cluster.settle()
	const two = DataPublisher.start('prices', new Version2(), {
		...options,
		transport: cluster.network.join('two'),
	})
	await cluster.settle()
	t.is(two.status().peers[0]!.version, 1)
	t.is(one.status().peers[0]!.version, 2)
	await two.update({ tea: { amount: 3, currency: 'EUR' } } satisfies Update2)
	await cluster.settle()
	t.deepEqual([...one.view.values()], [{ tea: 3 }])
	t.is(one.status().rebuilt, 0)
})

test('translations are not asked for between equals', async t => {
	const cluster = new Cluster()
	class Watched extends NumberSets {
		translateUpdate(mine: number, theirs: number, one: SetUpdate): SetUpdate {
			this.calls.push(`translateUpdate ${mine} ${theirs}`)
			return one
		}
	}
	const [a, b] = [new Watched(2), new Watched(1)]
	const node = cluster.start('a', a)
	cluster.start('b', b)
	cluster.start('c', new NumberSets(2))
	await cluster.settle()
	await node.publisher.update(update([1]))
	await cluster.settle()
	t.deepEqual(
		a.calls.filter(call => call.startsWith('translate')),
		['translateUpdate 2 1'],
	)
})

/** Speaks to peers of version 0 as they did before there was a publisher: `['add', n]`, `['remove', n]`, `['sync', […]]`. */
class Bilingual extends NumberSets {
	translateUpdate(
		_mine: number,
		theirs: number,
		{ add, remove }: SetUpdate,
	): SetUpdate | ReturnType<typeof plainMessages> {
		if (theirs > 0) return { add, remove }
		return plainMessages([...remove.map(number => ['remove', number]), ...add.map(number => ['add', number])])
	}

	translateLocalData(
		_mine: number,
		theirs: number,
		data: readonly number[],
	): readonly number[] | ReturnType<typeof plainMessages> {
		return theirs > 0 ? data : plainMessages([['sync', data]])
	}

	translateMessage(
		message: unknown,
		view: SetView,
	): Translation<readonly number[], SetUpdate, SetView, number> {
		const [kind, what] = message as [string, never]
		if (kind === 'boom') throw new Error('boom')
		if (kind === 'mine') return { kind: 'update', update: update([what]), view }
		if (kind === 'hello') return { kind: 'peerDiscover', version: 0, view }
		if (kind === 'sync') return { kind: 'peerData', version: 0, data: what, view }
		if (kind === 'add') return { kind: 'peerUpdate', update: update([what]), view }
		return { kind: 'drop', view }
	}
}

test('a peer from before there was a publisher is spoken to in its own words', async t => {
	const cluster = new Cluster()
	const a = cluster.start('a', new Bilingual())
	const b = cluster.start('b', new Bilingual())
	await a.publisher.update(update([1]))
	const heard: unknown[] = []
	const ancient = cluster.network.join('z').open<unknown>('sets', {
		peerUp: () => {},
		peerDown: () => {},
		message: ({ name }, message) => {
			if (name === 'a' && !(Array.isArray(message) && String(message[0]).startsWith('remote-term')))
				heard.push(message)
		},
	})
	await cluster.settle()
	const told = watch(t, a)
	ancient.broadcast(['add', 5])
	await cluster.settle(10)
	t.deepEqual(told, [], 'it has not introduced itself')
	ancient.broadcast(['hello'])
	ancient.broadcast(['sync', [7, 8]])
	ancient.broadcast(['add', 9])
	ancient.broadcast(['what?'])
	ancient.broadcast(['boom'])
	await cluster.settle(10)
	t.deepEqual(seen(a), { a: [1], z: [7, 8, 9] })
	t.deepEqual(heard.splice(0), [['sync', [1]]])
	await a.publisher.update(update([2, 3], [1]))
	await cluster.settle(10)
	t.deepEqual(heard, [
		['remove', 1],
		['add', 2],
		['add', 3],
	])
	t.deepEqual(seen(b), { a: [2, 3], z: [7, 8, 9] }, 'who speaks the protocol gets it as ever')
	t.is(a.publisher.status().peers.find(({ peer }) => peer.name === 'z')!.state, 'foreign')
	await ancient.close()
	await cluster.settle()
	t.deepEqual(seen(a), { a: [2, 3] })
})

test('what happens elsewhere in the process may become an update', async t => {
	const cluster = new Cluster()
	const [a, b] = [cluster.start('a', new Bilingual()), cluster.start('b')]
	await cluster.settle()
	await a.publisher.tell(['mine', 4])
	await a.publisher.tell(['of no interest'])
	await a.publisher.tell(['boom'])
	await b.publisher.tell(['mine', 5])
	await cluster.settle()
	t.deepEqual(seen(b), { a: [4] })
	t.deepEqual(seen(a), { a: [4] })
})
