import type { Encoding } from '../core/fetcher.ts'

export interface InflateOptions {
	/** More output than this is `INFLATED_TOO_LARGE`, thrown as soon as it is seen. In bytes. */
	readonly maxInflatedBytes: number
}

/**
 * Undoes one content coding while the bytes arrive. Exported as `inflate` by `#inflate`, which is `native.ts` in Node
 * and `portable.ts` elsewhere. Neither reads ahead of its consumer without bound; both end `body` when they end.
 */
export type Inflate = (
	body: AsyncIterable<Uint8Array>,
	encoding: Encoding,
	options: InflateOptions,
) => AsyncIterable<Uint8Array>
