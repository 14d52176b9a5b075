import { parentPort, type MessagePort } from 'node:worker_threads'
import { messageOf, RemoteTermError } from '../core/errors.ts'
import { ballastOf } from './ballast.ts'
import { diff } from './diff.ts'
import { byteLengthOf, Image } from './image.ts'
import type { FromWorker, PostedError, ToWorker } from './messages.ts'
import { pack } from './pack.ts'

/** The chunks of the job at hand, for it to iterate over. */
class Inbox {
	readonly #took: (bytes: number) => void
	readonly #waiting: Array<Uint8Array | 'end'> = []
	#wake: (() => void) | undefined

	constructor(took: (bytes: number) => void) {
		this.#took = took
	}

	push(item: Uint8Array | 'end'): void {
		this.#waiting.push(item)
		this.#wake?.()
	}

	async *chunks(): AsyncGenerator<Uint8Array, void> {
		for (;;) {
			const item = this.#waiting.shift()
			if (item === 'end') return
			if (item === undefined) {
				await new Promise<void>(resolve => (this.#wake = resolve))
			} else {
				yield item
				this.#took(item.length)
			}
		}
	}
}

/** The thread behind a `PackingThread`. */
const serve = (port: MessagePort): void => {
	const post = (message: FromWorker): void => port.postMessage(message)
	const took = (bytes: number): void => post({ type: 'took', bytes })
	let inbox = new Inbox(took)
	/** The images of the last job, by which V8 shall know when to let go of those before. */
	const kept: { weight?: object | undefined } = {}

	const answer = async (job: () => Promise<FromWorker>): Promise<void> => {
		let message: FromWorker
		try {
			message = await job()
		} catch (error) {
			message = { type: 'failed', error: posted(error) }
		}
		post(message)
	}

	port.on('message', (message: ToWorker) => {
		switch (message.type) {
			case 'pack': {
				kept.weight = undefined
				inbox = new Inbox(took)
				const chunks = inbox.chunks()
				const { body, previous, spec } = message
				void answer(async () => {
					const packed = await pack(chunks, body, spec, previous)
					kept.weight = ballastOf(2 * byteLengthOf(packed.parts))
					return { type: 'packed', packed }
				})
				break
			}
			case 'chunk':
				inbox.push(message.chunk)
				break
			case 'end':
				inbox.push('end')
				break
			case 'diff': {
				const { older, newer } = message
				void answer(async () => ({
					type: 'compared',
					diff: diff(older && new Image(older), new Image(newer), { addresses: true }),
				}))
			}
		}
	})
}

const posted = (error: unknown): PostedError => {
	const own = error instanceof RemoteTermError ? error : undefined
	return {
		code: own?.code,
		message: messageOf(error),
		issues: own?.issues,
		cause: own?.cause instanceof Error ? plain(own.cause) : undefined,
		stack: error instanceof Error ? error.stack : undefined,
	}
}

/** An error as it can be posted, whatever its maker has hung on it. */
const plain = ({ message, name, stack }: Error): Error =>
	Object.assign(new Error(message), { name, ...(stack !== undefined && { stack }) })

if (parentPort !== null) serve(parentPort)
