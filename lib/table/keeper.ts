import { BroadcastChannel, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { ballastOf } from './ballast.ts'
import { Control, type Generation, type Question, type ToKeeper } from './generations.ts'

/** The keeper's thread; see `generations.ts` for what it is there for. */
const owner = parentPort
if (owner === null) throw new Error('Expected to run in a worker thread')

const kept = new Map<string, Generation & { readonly ballast: object }>()

const take = (message: ToKeeper): void => {
	switch (message.type) {
		case 'publish': {
			const { generation, parts, table } = message
			const bytes = [parts.head, parts.index, ...parts.segments].reduce(
				(sum, part) => sum + part.byteLength,
				0,
			)
			kept.set(table, { generation, parts, ballast: ballastOf(bytes) })
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

owner.on('message', take)

const questions = new BroadcastChannel((workerData as { channel: string }).channel)
questions.onmessage = event => {
	const { reply, table, wake } = (event as { data: Question }).data
	// What was published before this was asked is here already, but its turn may not have come.
	for (let posted; (posted = receiveMessageOnPort(owner)) !== undefined;) take(posted.message as ToKeeper)
	const current = kept.get(table)
	const channel = new BroadcastChannel(reply)
	channel.postMessage(current === undefined ? null : { generation: current.generation, parts: current.parts })
	channel.close()
	const word = new Int32Array(wake)
	Atomics.store(word, 0, 1)
	Atomics.notify(word, 0)
}
