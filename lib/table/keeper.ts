import {
	BroadcastChannel,
	parentPort,
	receiveMessageOnPort,
	workerData,
	type MessagePort,
} from 'node:worker_threads'
import { ballastOf } from './ballast.ts'
import { Control, type Generation, type Question, type ToKeeper } from './generations.ts'
import { byteLengthOf } from './image.ts'

/**
 * More than half the heap that this thread may have (`resourceLimits`), in bytes: with that much, V8 collects at once.
 * Its heap is next to empty, so it takes a millisecond.
 */
const HEAVY = 64 * 2 ** 20

/** The keeper's thread; see `generations.ts` for what it is there for. */
const keep = (owner: MessagePort, channel: string): void => {
	const kept = new Map<string, Generation & { readonly ballast: object }>()

	const take = (message: ToKeeper): void => {
		switch (message.type) {
			case 'publish': {
				const { generation, parts, table } = message
				kept.set(table, { generation, parts, ballast: ballastOf(Math.max(HEAVY, 2 * byteLengthOf(parts))) })
				break
			}
			case 'keep': {
				const control = new Int32Array(message.control)
				Atomics.store(control, Control.kept, 1)
				Atomics.notify(control, Control.kept)
				break
			}
			case 'forget':
				kept.delete(message.table)
		}
	}

	const answer = ({ reply, table, wake }: Question): void => {
		// What was published before this was asked is here already, but its turn may not have come.
		for (let posted; (posted = receiveMessageOnPort(owner)) !== undefined;) take(posted.message as ToKeeper)
		const current = kept.get(table)
		const inbox = new BroadcastChannel(reply)
		inbox.postMessage(current === undefined ? null : { generation: current.generation, parts: current.parts })
		inbox.close()
		const word = new Int32Array(wake)
		Atomics.store(word, 0, 1)
		Atomics.notify(word, 0)
	}

	owner.on('message', take)
	const questions = new BroadcastChannel(channel)
	questions.onmessage = event => answer((event as { data: Question }).data)
}

if (parentPort !== null) keep(parentPort, (workerData as { channel: string }).channel)
