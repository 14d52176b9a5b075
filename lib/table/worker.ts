import { parentPort } from 'node:worker_threads'
import { messageOf, RemoteTermError, type ErrorCode, type ErrorIssue } from '../core/errors.ts'
import { diff, type Diff } from './diff.ts'
import { Image, type ImageParts } from './image.ts'
import { pack, type BodySpec, type Packed, type PackSpec } from './pack.ts'

/**
 * The thread behind a `PackingThread`, whose jobs come one at a time:
 *
 * ```
 * → pack, then chunk … and end     ← took (per chunk), then packed or failed
 * → diff                           ← compared or failed
 * ```
 *
 * A body that breaks off ends the thread.
 */
export type ToWorker =
	| {
			readonly type: 'pack'
			readonly body: BodySpec
			readonly spec: PackSpec
			readonly previous: ImageParts | undefined
	  }
	| { readonly type: 'chunk'; readonly chunk: Uint8Array }
	| { readonly type: 'end' }
	| { readonly type: 'diff'; readonly older: ImageParts | undefined; readonly newer: ImageParts }

export type FromWorker =
	| { readonly type: 'took'; readonly bytes: number }
	| { readonly type: 'packed'; readonly packed: Packed }
	| { readonly type: 'compared'; readonly diff: Diff }
	| { readonly type: 'failed'; readonly error: PostedError }

/** An error that has crossed threads: as much of it as the other side may need. */
export interface PostedError {
	/** `undefined`: not one of ours. */
	readonly code: ErrorCode | undefined
	readonly message: string
	readonly issues: readonly ErrorIssue[] | undefined
	readonly stack: string | undefined
}

const port = parentPort
if (port === null) throw new Error('Expected to run in a worker thread')

const post = (message: FromWorker): void => port.postMessage(message)

/** The chunks of the job at hand, for it to iterate over. */
class Inbox {
	readonly #waiting: Array<Uint8Array | 'end'> = []
	#wake: (() => void) | undefined

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
				post({ type: 'took', bytes: item.length })
			}
		}
	}
}

let inbox = new Inbox()

const answer = async (job: () => Promise<FromWorker>): Promise<void> => {
	let message: FromWorker
	try {
		message = await job()
	} catch (error) {
		const own = error instanceof RemoteTermError ? error : undefined
		message = {
			type: 'failed',
			error: {
				code: own?.code,
				message: messageOf(error),
				issues: own?.issues,
				stack: error instanceof Error ? error.stack : undefined,
			},
		}
	}
	post(message)
}

port.on('message', (message: ToWorker) => {
	switch (message.type) {
		case 'pack': {
			inbox = new Inbox()
			const chunks = inbox.chunks()
			const { body, previous, spec } = message
			void answer(async () => ({ type: 'packed', packed: await pack(chunks, body, spec, previous) }))
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
