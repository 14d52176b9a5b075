import type { FetchContext } from '../lib/core/fetcher.ts'
import type { Source } from './failover-source.ts'

/** One call of `watch`, spread over all sources that can tell; sources that come to life later join it. */
export class Watch {
	readonly #watched = new Map<Source, Disposable>()
	readonly #onChange: () => void
	readonly #context: FetchContext
	#ended = false

	constructor(onChange: () => void, context: FetchContext) {
		this.#onChange = () => {
			if (!this.#ended && !context.signal.aborted) onChange()
		}
		this.#context = context
	}

	/** A source that cannot be watched is still polled, so it is no reason to fail. */
	add(source: Source): void {
		const { fetcher, name } = source
		if (this.#ended || this.#context.signal.aborted || this.#watched.has(source)) return
		if (!source.initialised || fetcher.watch === undefined) return
		try {
			this.#watched.set(source, fetcher.watch(this.#onChange, this.#context))
		} catch (error) {
			this.#context.logger.warn(`Source ${name} cannot be watched`, { error })
		}
	}

	[Symbol.dispose](): void {
		this.#ended = true
		for (const watched of this.#watched.values()) watched[Symbol.dispose]()
		this.#watched.clear()
	}
}
