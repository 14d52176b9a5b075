import type { ErrorCode, ErrorIssue } from '../core/errors.ts'
import type { Diff } from './diff.ts'
import type { ImageParts } from './image.ts'
import type { BodySpec, Packed, PackSpec } from './pack.ts'

/**
 * What a `PackingThread` and its worker say to each other. Jobs come one at a time:
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
	/** Its name, message and stack; what else it had stays behind. */
	readonly cause: Error | undefined
	readonly stack: string | undefined
}
