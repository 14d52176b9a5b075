import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import type { TokenSource } from './options.ts'
import { SourceWatch } from './source-watch.ts'
import { TokenRing, type TokenSpec } from './tokens.ts'

/** Keeps a ring in step with where its tokens come from. */
export class TokenWatch {
	readonly ring: TokenRing
	/** Called when tokens have come, gone, or changed what they may. */
	onChange = (): void => {}
	readonly #watch: SourceWatch<readonly TokenSpec[]>

	/** @throws `INVALID_OPTION` */
	constructor(source: TokenSource, interval: number, clock: Clock, logger: Logger) {
		this.ring = new TokenRing(typeof source === 'function' ? [] : source)
		this.#watch = new SourceWatch<readonly TokenSpec[]>({
			...{ source, interval, clock, logger },
			apply: specs => this.replace(specs),
			words: {
				asked: 'the tokens',
				kept: 'The tokens stay as they were',
				again: 'The tokens can be read again',
			},
		})
	}

	/** @throws what the source fails with, for whoever starts without tokens lets nobody in. */
	start(): Promise<void> {
		return this.#watch.start()
	}

	/** @throws `INVALID_OPTION`, and the tokens stay as they were. */
	replace(specs: readonly TokenSpec[]): void {
		if (this.ring.replace(specs)) this.onChange()
	}

	/** Asks the source now. Never rejects. */
	reload(): Promise<void> {
		return this.#watch.reload()
	}

	stop(): void {
		this.#watch.stop()
	}
}
