import test from 'ava'
import { Cluster, seen, watch } from './cluster.ts'
import { update } from './number-sets.ts'

test('a node that starts gets what the others have, and they get nothing twice', async t => {
	const cluster = new Cluster()
	const b = cluster.start('b')
	await b.publisher.update(update([1]))
	const told = watch(t, b)
	const a = cluster.start('a')
	const toldA = watch(t, a)
	await cluster.settle()
	t.deepEqual(seen(a), { b: [1] })
	t.deepEqual(toldA, [{ origin: 'b', add: [1], remove: [] }])
	t.deepEqual(told, [])
	await a.publisher.update(update([7]))
	await cluster.settle()
	t.deepEqual(seen(b), { a: [7], b: [1] })
	t.deepEqual(told, [{ origin: 'a', add: [7], remove: [] }])
	t.is(a.publisher.status().peers[0]!.state, 'synced')
})
