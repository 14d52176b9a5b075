import { randomUUID } from 'node:crypto'
import { BroadcastChannel, receiveMessageOnPort } from 'node:worker_threads'
import { invalid } from '../core/options.ts'
import { NO_CHANGE } from './diff.ts'
import { Control, type Generation, type Question, type TableHandle } from './generations.ts'
import { Image } from './image.ts'
import { Table, type Key } from './table.ts'

/** When a question is asked again, in milliseconds: it may have come before the keeper listened, or to one that has ended. */
const REPEAT = 200

/**
 * How often a reader asks, once, for a generation that it sees announced and does not get: for 5 seconds. They are
 * counted and not timed, so that a process that was stopped for longer has asked no less.
 */
const QUESTIONS = 25

/**
 * The current table of a term of another thread (or of this one). `get()` and `lookup()` are synchronous and cost one
 * `Atomics.load` more than in the term's own thread; a generation that is new to this thread is taken over in some
 * 0.1 ms, whatever its size. Nothing needs to be closed.
 */
export class AttachedTable<Row = unknown> {
	/** Of the term. */
	readonly name: string
	readonly #handle: TableHandle
	readonly #control: Int32Array
	#seen = 0
	#table: Table<Row> | undefined

	constructor(handle: TableHandle) {
		this.name = handle.name
		this.#handle = handle
		this.#control = new Int32Array(handle.control)
	}

	/** The current generation; `undefined` as long as the term has none. */
	get(): Table<Row> | undefined {
		const announced = Atomics.load(this.#control, Control.generation)
		if (announced !== this.#seen) this.#take(announced)
		return this.#table
	}

	/** One row of the current generation. */
	lookup(key: Key): Row | undefined {
		return this.get()?.get(key)
	}

	/** 0 as long as there is none. */
	get generation(): number {
		return this.get()?.generation ?? 0
	}

	#take(announced: number): void {
		const taken = ask(this.#handle, this.#control)
		if (taken === undefined) {
			// There is nobody left to ask. Once is enough to find that out.
			this.#seen = announced
			return
		}
		const { generation, parts } = taken
		const image = new Image(parts)
		this.#table = new Table<Row>(image, { generation, change: NO_CHANGE })
		this.#seen = generation
		raise(this.#control, generation)
	}
}

/** Whoever has been given this generation has seen it announced, or announces it himself. */
const raise = (control: Int32Array, generation: number): void => {
	for (;;) {
		const announced = Atomics.load(control, Control.generation)
		if (announced >= generation) return
		if (Atomics.compareExchange(control, Control.generation, announced, generation) === announced) return
	}
}

const ask = ({ channel, table }: TableHandle, control: Int32Array): Generation | undefined => {
	for (let asked = 0; asked < QUESTIONS; asked++) {
		// Until the keeper is up. It is begun without the owner's event loop, so this ends however busy that is.
		if (Atomics.wait(control, Control.kept, 0, REPEAT) === 'timed-out') continue
		const question: Question = { table, reply: `${channel}/${randomUUID()}`, wake: new SharedArrayBuffer(4) }
		const inbox = new BroadcastChannel(question.reply)
		try {
			const outbox = new BroadcastChannel(channel)
			outbox.postMessage(question)
			outbox.close()
			if (Atomics.wait(new Int32Array(question.wake), 0, 0, REPEAT) === 'timed-out') continue
			const answer = receiveMessageOnPort(inbox as never)?.message as Generation | null | undefined
			// The keeper was told to forget this table: its term is gone.
			if (answer === null) return undefined
			if (answer !== undefined) return answer
		} finally {
			inbox.close()
		}
	}
	return undefined
}

/**
 * Reads a `TableTerm`'s table from any thread of its process: no copy, no second parse. `handle` is `term.handle`, posted
 * to this thread in whatever way (`workerData`, `postMessage`).
 *
 * @throws `INVALID_OPTION` for what is no handle
 */
export const attachTable = <Row = unknown>(handle: TableHandle): AttachedTable<Row> => {
	if (
		(handle as TableHandle | null)?.type !== 'remote-term/table' ||
		!(handle.control instanceof SharedArrayBuffer) ||
		typeof handle.channel !== 'string' ||
		typeof handle.table !== 'string'
	)
		throw invalid('handle', 'the `handle` of a TableTerm', handle)
	return new AttachedTable<Row>(handle)
}
