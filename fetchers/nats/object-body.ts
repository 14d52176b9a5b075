import type { Msg } from '@nats-io/transport-node'
import { reasonOf } from '../../lib/core/clock.ts'
import { RemoteTermError } from '../../lib/core/errors.ts'
import type { FetchContext } from '../../lib/core/fetcher.ts'
import { asFetchError } from '../../lib/nats/errors.ts'
import type { Linked } from './shared-link.ts'

/** Asked for at a time. A chunk is 128 KiB unless whoever published it wanted otherwise. */
const BATCH = 16
/** After this much silence, in ms, it is looked whether what is missing is still there. */
const DOUBT = 1000

export interface ObjectChunks {
	readonly stream: string
	/** Under which all chunks of the object lie, in order. */
	readonly subject: string
	readonly size: number
	readonly count: number
	/** For messages. */
	readonly name: string
}

/**
 * The chunks of an object as they come, a batch at a time and no sooner than the last one was taken: whoever reads
 * slowly holds two megabytes, not the object.
 */
export class ObjectBody implements AsyncIterable<Uint8Array> {
	readonly #linked: Linked
	readonly #chunks: ObjectChunks
	readonly #context: FetchContext
	readonly #silence: number
	readonly #ended: () => void
	readonly #onAbort = (): void => this.#fail(reasonOf(this.#context.signal))
	readonly #onLost: Disposable
	readonly #queue: Uint8Array[] = []
	#subscription: { unsubscribe(): void } | undefined
	#consumer: string | undefined
	#asked = 0
	#received = 0
	#count = 0
	/** In the stream, of the last chunk that came. */
	#sequence = 0
	#progressAt: number
	#failure: RemoteTermError | undefined
	#closed = false
	#wake: (() => void) | undefined

	/** @param ended Called once, when nothing is held any more. */
	constructor(
		linked: Linked,
		chunks: ObjectChunks,
		context: FetchContext,
		silence: number,
		ended: () => void,
	) {
		this.#linked = linked
		this.#chunks = chunks
		this.#context = context
		this.#silence = silence
		this.#ended = ended
		this.#progressAt = context.clock.monotonic()
		context.signal.addEventListener('abort', this.#onAbort, { once: true })
		this.#onLost = linked.link.on('disconnected', () =>
			this.#fail(this.#incomplete('the connection to NATS was lost')),
		)
	}

	/** Gives it up. The same as reading to its end, as far as what is held is concerned. */
	close(): void {
		if (this.#closed) return
		this.#closed = true
		this.#context.signal.removeEventListener('abort', this.#onAbort)
		this.#onLost[Symbol.dispose]()
		this.#subscription?.unsubscribe()
		this.#queue.length = 0
		const { link, manager } = this.#linked
		if (this.#consumer !== undefined && link.connected)
			void manager.consumers.delete(this.#chunks.stream, this.#consumer).catch(() => {})
		this.#wake?.()
		this.#ended()
	}

	async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
		const { signal } = this.#context
		let delivered = 0
		try {
			if (signal.aborted) throw reasonOf(signal)
			while (delivered < this.#chunks.size) {
				const chunk = this.#queue.shift()
				if (chunk !== undefined) {
					delivered += chunk.length
					this.#context.onProgress?.(delivered, this.#chunks.size)
					yield chunk
					continue
				}
				if (this.#failure !== undefined) throw this.#failure
				if (this.#closed) return
				if (this.#asked === 0) await this.#ask()
				if (this.#queue.length === 0) await this.#something()
			}
			if (delivered > this.#chunks.size)
				throw this.#incomplete(`${delivered} bytes came instead of ${this.#chunks.size}`)
		} finally {
			this.close()
		}
	}

	async #ask(): Promise<void> {
		const { connection, inboxPrefix } = this.#linked.link
		const { manager, packages } = this.#linked
		const { stream, subject, name } = this.#chunks
		if (this.#consumer === undefined) {
			const { nanos } = packages.transport
			try {
				const info = await manager.consumers.add(stream, {
					filter_subject: subject,
					deliver_policy: 'all',
					ack_policy: 'none',
					inactive_threshold: nanos(2 * this.#silence),
					mem_storage: true,
					num_replicas: 1,
				})
				this.#consumer = info.name
			} catch (error) {
				throw asFetchError(error, `Cannot fetch ${name}`)
			}
			if (this.#closed) {
				void manager.consumers.delete(stream, this.#consumer).catch(() => {})
				return
			}
		}
		const inbox = packages.transport.createInbox(inboxPrefix)
		this.#subscription?.unsubscribe()
		this.#subscription = connection.subscribe(inbox, {
			callback: (error, message) => {
				if (error !== null) this.#fail(asFetchError(error, `Cannot fetch ${name}`))
				else this.#receive(message)
			},
		})
		this.#asked = Math.min(BATCH, Math.max(1, this.#chunks.count - this.#count))
		const expires = packages.transport.nanos(Math.min(DOUBT, this.#silence))
		const request = JSON.stringify({ batch: this.#asked, expires })
		connection.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${this.#consumer}`, request, { reply: inbox })
	}

	#receive({ data, headers, reply = '' }: Msg): void {
		// 408: nothing came within a second. 404, 409: the consumer has ended.
		if (headers !== undefined && headers.code >= 400) void this.#look()
		else {
			this.#asked--
			this.#count++
			this.#received += data.length
			this.#progressAt = this.#context.clock.monotonic()
			this.#sequence = sequenceOf(reply)
			this.#queue.push(data)
		}
		this.#wake?.()
	}

	/** Whether what is missing is still there, or was removed since, as it is when an object is replaced. */
	async #look(): Promise<void> {
		const { stream, subject, name } = this.#chunks
		try {
			const next = await this.#linked.manager.streams.getMessage(stream, {
				...{ next_by_subj: subject, seq: this.#sequence + 1 },
			})
			if (next === null) throw this.#incomplete('the rest was removed while it was read, or was never there')
			if (this.#context.clock.monotonic() - this.#progressAt >= this.#silence) throw this.#silent()
			this.#asked = 0
			this.#wake?.()
		} catch (error) {
			this.#fail(asFetchError(error, `Cannot fetch ${name}`))
		}
	}

	#something(): Promise<void> {
		return new Promise(resolve => {
			if (this.#failure !== undefined || this.#closed) {
				resolve()
				return
			}
			const { clock } = this.#context
			const timer = clock.timer(this.#silence, () => this.#fail(this.#silent()))
			this.#wake = () => {
				this.#wake = undefined
				timer[Symbol.dispose]()
				resolve()
			}
		})
	}

	#silent(): RemoteTermError {
		const message = `Cannot fetch ${this.#chunks.name}: nothing came for ${this.#silence} ms`
		return new RemoteTermError('FETCH_TIMEOUT', message)
	}

	#incomplete(why: string): RemoteTermError {
		const { name, size } = this.#chunks
		const message = `Cannot fetch ${name}: ${this.#received} of ${size} bytes came; ${why}`
		return new RemoteTermError('FETCH_INCOMPLETE', message)
	}

	/** Frees everything at once; whoever reads, or will, is told. */
	#fail(failure: RemoteTermError): void {
		if (this.#closed) return
		this.#failure ??= failure
		const wake = this.#wake
		this.close()
		wake?.()
	}
}

/** `$JS.ACK.[<domain>.<account>.]<stream>.<consumer>.<delivered>.<sequence>.…` */
const sequenceOf = (reply: string): number => {
	const tokens = reply.split('.')
	return Number(tokens[tokens.length === 9 ? 5 : 7])
}
