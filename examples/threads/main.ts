/**
 * Threads of one process that know of each other without any server: workers join a group, and the main thread gives
 * work to whoever is in it. One of them is terminated in the midst of it, and nobody has to be told.
 *
 *     npm run build && node dist/examples/threads/main.js
 */
import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { ProcessGroups } from 'remote-term/publisher'
import { BroadcastChannelTransport } from 'remote-term/transports/broadcast-channel'
import type { Answer, Question } from './worker.ts'

/** Short, so that a thread which ends without a word is missed within a second. */
const heartbeat = 200
const transport = new BroadcastChannelTransport({ name: 'main', heartbeat, keepAlive: true })
const groups = ProcessGroups.start('groups', { transport })
const { notifications } = groups.monitor('adders')

const workers = ['one', 'two', 'three'].map(
	name => new Worker(new URL('./worker.js', import.meta.url), { workerData: { name, heartbeat } }),
)
const answered = new Map<number, (sum: number) => void>()
const questions = transport.open<Question | Answer>('questions', {
	peerUp() {},
	peerDown() {},
	message(from, message) {
		if (!('sum' in message)) return
		console.log(`${from.name} says ${message.sum}`)
		answered.get(message.id)?.(message.sum)
		answered.delete(message.id)
	},
})

/** Until these are the members; tells who comes and goes. */
const members = async (...names: readonly string[]): Promise<void> => {
	const areThere = (): boolean =>
		groups
			.members('adders')
			.map(({ id }) => id)
			.sort()
			.join() === names.join()
	while (!areThere()) {
		const { value } = await notifications.next()
		for (const { peer } of value?.members ?? []) console.log(`${value?.type}: ${peer.name}`)
	}
}

let asked = 0
/** Messages arrive at most once, and threads end: where no answer comes, somebody else is asked. */
const ask = async (numbers: readonly number[]): Promise<number> => {
	const id = asked++
	const answer = new Promise<number>(resolve => answered.set(id, resolve))
	for (let turn = id; ; turn++) {
		const adders = groups.members('adders')
		const adder = adders[turn % adders.length]?.peer
		if (adder !== undefined) {
			// It is known as a member by another scope than the one in which it is asked, and may come up in this one later.
			await questions.whenUp(adder, { timeout: 1_000 }).catch(() => {})
			questions.send(adder, { id, numbers })
		}
		const sum = await Promise.race([answer, delay(1_000, undefined, { ref: false })])
		if (sum !== undefined) return sum
	}
}

await members('one', 'three', 'two')
assert.deepEqual(await Promise.all([ask([1, 2]), ask([3, 4]), ask([5, 6])]), [3, 7, 11])
await workers[1]!.terminate()
await members('one', 'three')
assert.deepEqual(await Promise.all([ask([7, 8]), ask([9, 10])]), [15, 19])

await groups.stop()
await transport.close()
for (const worker of workers) await worker.terminate()
