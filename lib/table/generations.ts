/**
 * How the threads of a process agree on which generation of a table is current, without a lock, without a copy, and
 * without anybody's event loop having to turn.
 *
 * **Who.** One thread owns the term and publishes. Any number of threads read. Between them stands the *keeper*, a
 * thread of a few lines that holds the current image of each table and does nothing but answer, so that a reader never
 * waits for an owner who is busy. An owner has one keeper for all its terms; it begins with the first `handle`.
 *
 * **What is shared.** A control block of four words (`Control`), and the images. A handle is the control block and two
 * names; it holds no generation, so that whoever keeps a handle pins no memory.
 *
 * **To publish n**: post the image to the keeper; then store n in the control block. Nothing between the two can fail.
 *
 * **To read**: load the counter. If it is what this thread has, that is the answer: one `Atomics.load`. Otherwise ask the
 * keeper: open a `BroadcastChannel` of a fresh name, broadcast that name, `Atomics.wait` until the keeper has posted,
 * take the message with `receiveMessageOnPort`, close the channel. All of this is synchronous, and none of it remains.
 *
 * **Why the flip is linearizable.** The counter was stored after the image was posted, and the keeper takes in all that
 * was posted before it answers; so whoever saw n is given n or later. If it is later (the owner has posted n + 1 and not
 * yet stored it), the reader raises the counter to n + 1 before it returns, so that no thread that looks after that sees
 * less. The owner posts, swaps and stores within one turn, so its own reads see all of it or nothing.
 *
 * **Why nothing piles up.** Nothing is ever sent to a reader that has not asked, so a thread that never reads, sleeps, or
 * is gone, has no queue, pins nothing, and need not be noticed. The keeper holds one generation per table. Readers hold
 * what they have taken, by ordinary references: the memory goes when the last of them is collected (see `ballast.ts`).
 *
 * **When the owner's thread has died** without stopping the term, its keeper has died with it. A reader that cannot get
 * the generation it sees announced asks for 5 seconds, once, and goes on with the one it has.
 */
import { randomUUID } from 'node:crypto'
import { Worker } from 'node:worker_threads'
import type { ImageParts } from './image.ts'
import { siblingUrl } from './sibling.ts'

export const Control = Object.freeze({
	/** The current generation; 0 as long as there is none. */
	generation: 0,
	/** 1 as soon as the keeper answers questions about this table. */
	kept: 1,
})

const CONTROL_BYTES = 16

/** What `attachTable` takes. Can be posted to any thread of the process, and to several. */
export interface TableHandle {
	readonly type: 'remote-term/table'
	readonly name: string
	/** Where the keeper listens. */
	readonly channel: string
	/** Which of its tables this is. */
	readonly table: string
	readonly control: SharedArrayBuffer
}

/** One generation, as it is posted. */
export interface Generation {
	readonly generation: number
	readonly parts: ImageParts
}

export type ToKeeper =
	| { readonly type: 'keep'; readonly table: string; readonly control: SharedArrayBuffer }
	| ({ readonly type: 'publish'; readonly table: string } & Generation)
	| { readonly type: 'forget'; readonly table: string }

/** A reader's question. The answer is a `Generation`, or null, on the channel `reply`; after it, `wake` is set and notified. */
export interface Question {
	readonly table: string
	readonly reply: string
	readonly wake: SharedArrayBuffer
}

/** It has no reason ever to end; if it has one all the same, it has it again. */
const MAX_RESTARTS = 10

/** This thread's keeper, begun when it is first needed, and again if it should end. */
class KeeperThread {
	readonly channel = `remote-term/table/${randomUUID()}`
	readonly #publishers = new Map<string, WeakRef<Publisher>>()
	readonly #forgotten = new FinalizationRegistry<string>(table => this.#forget(table))
	#worker: Worker | undefined
	#restarts = 0

	keep(publisher: Publisher): void {
		this.#publishers.set(publisher.table, new WeakRef(publisher))
		this.#forgotten.register(publisher, publisher.table)
		if (this.#worker === undefined) this.#begin()
		else this.#tell(publisher)
	}

	post(message: ToKeeper): void {
		this.#worker?.postMessage(message)
	}

	#begin(): void {
		const worker = new Worker(siblingUrl('./keeper.js', import.meta.url), {
			name: 'remote-term tables',
			workerData: { channel: this.channel },
			resourceLimits: { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 2 },
		})
		worker.unref()
		worker.on('error', () => {})
		worker.on('exit', () => {
			this.#worker = undefined
			if (this.#publishers.size > 0 && this.#restarts++ < MAX_RESTARTS) this.#begin()
		})
		this.#worker = worker
		for (const reference of this.#publishers.values()) {
			const publisher = reference.deref()
			if (publisher !== undefined) this.#tell(publisher)
		}
	}

	#tell({ control, current, table }: Publisher): void {
		Atomics.store(new Int32Array(control), Control.kept, 0)
		if (current !== undefined) this.post({ type: 'publish', table, ...current })
		this.post({ type: 'keep', table, control })
	}

	#forget(table: string): void {
		this.#publishers.delete(table)
		this.post({ type: 'forget', table })
	}
}

let keeper: KeeperThread | undefined

/** The owner's side. */
export class Publisher {
	readonly table = randomUUID()
	readonly control = new SharedArrayBuffer(CONTROL_BYTES)
	readonly #counter = new Int32Array(this.control)
	readonly #name: string
	#current: Generation | undefined
	#isKept = false

	constructor(name: string) {
		this.#name = name
	}

	get generation(): number {
		return this.#current?.generation ?? 0
	}

	get current(): Generation | undefined {
		return this.#current
	}

	get handle(): TableHandle {
		keeper ??= new KeeperThread()
		if (!this.#isKept) {
			keeper.keep(this)
			this.#isKept = true
		}
		const { control, table } = this
		return { type: 'remote-term/table', name: this.#name, channel: keeper.channel, table, control }
	}

	/** Returns the number of the generation that is current from now on, for all threads. */
	publish(parts: ImageParts): number {
		const generation = this.generation + 1
		if (this.#isKept) keeper?.post({ type: 'publish', table: this.table, generation, parts })
		this.#current = { generation, parts }
		Atomics.store(this.#counter, Control.generation, generation)
		return generation
	}
}
