import type { Clock, Timer } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { TokenSource } from './options.ts'
import { TokenRing, type TokenSpec } from './tokens.ts'

/**
 * Keeps a ring in step with where its tokens come from. A source that fails, or gives what cannot be used, changes
 * nothing: nobody is locked out, and nobody let in, by half a file. Said once, until it is over.
 */
export class TokenWatch {
	readonly ring: TokenRing
	/** Called when tokens have come, gone, or changed what they may. */
	onChange = (): void => {}
	readonly #source: TokenSource
	readonly #interval: number
	readonly #clock: Clock
	readonly #logger: Logger
	#timer: Timer | undefined
	#reloading: Promise<void> | undefined
	#failing = false
	#stopped = false

	/** @throws `INVALID_OPTION` */
	constructor(source: TokenSource, interval: number, clock: Clock, logger: Logger) {
		this.ring = new TokenRing(typeof source === 'function' ? [] : source)
		this.#source = source
		this.#interval = interval
		this.#clock = clock
		this.#logger = logger
	}

	/** @throws what the source fails with, for whoever starts without tokens lets nobody in. */
	async start(): Promise<void> {
		if (typeof this.#source !== 'function') return
		this.ring.replace(await this.#source())
		this.#arm()
	}

	/** @throws `INVALID_OPTION`, and the tokens stay as they were. */
	replace(specs: readonly TokenSpec[]): void {
		if (this.ring.replace(specs)) this.onChange()
	}

	/** Asks the source now. Never rejects. */
	reload(): Promise<void> {
		this.#reloading ??= this.#reload().finally(() => {
			this.#reloading = undefined
		})
		return this.#reloading
	}

	stop(): void {
		this.#stopped = true
		this.#timer?.[Symbol.dispose]()
	}

	async #reload(): Promise<void> {
		if (typeof this.#source !== 'function' || this.#stopped) return
		try {
			this.replace(await this.#source())
			if (this.#failing) this.#logger.info('The tokens can be read again')
			this.#failing = false
		} catch (error) {
			if (!this.#failing) this.#logger.error(`The tokens stay as they were: ${messageOf(error)}`)
			this.#failing = true
		}
		this.#arm()
	}

	#arm(): void {
		this.#timer?.[Symbol.dispose]()
		if (this.#stopped) return
		this.#timer = this.#clock.timer(this.#interval, () => void this.reload(), { background: true })
	}
}
