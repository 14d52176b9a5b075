import { untilAborted } from '../core/clock.ts'
import { RemoteTermError } from '../core/errors.ts'
import type { Download, FetchContext, NotModified, Version } from '../core/fetcher.ts'
import type { Settings } from './options.ts'

type SourceSettings = Pick<Settings<unknown>, 'clock' | 'fetcher' | 'logger' | 'name'>

const CLOSE_TIMEOUT = 5_000

/** The term's side of its fetcher: initialised once, asked, watched, closed once. */
export class Source {
	readonly #settings: SourceSettings
	readonly #onChange: () => void
	#preparing: Promise<void> | undefined
	#initialised = false
	#watch: Disposable | 'impossible' | undefined

	constructor(settings: SourceSettings, onChange: () => void) {
		this.#settings = settings
		this.#onChange = onChange
	}

	get prepared(): boolean {
		return this.#initialised
	}

	/** Runs `first` and the fetcher's `init`, once and then again until they succeed. Callers meanwhile share one run. */
	prepare(context: FetchContext, first: () => Promise<void>): Promise<void> {
		this.#preparing ??= this.#prepare(context, first).finally(() => {
			this.#preparing = undefined
		})
		return this.#preparing
	}

	/** One question, in as many requests as the fetcher needs. */
	ask(known: Version | undefined, context: FetchContext): Promise<Download | NotModified> {
		const { fetcher } = this.#settings
		return fetcher.downloadIfChanged?.(known, context) ?? this.#askInTwo(known, context)
	}

	async #askInTwo(known: Version | undefined, context: FetchContext): Promise<Download | NotModified> {
		const { fetcher } = this.#settings
		if (known !== undefined && (await fetcher.currentVersion(context)) === known) return { notModified: true }
		return fetcher.download(context)
	}

	/** Whether `watch` was called since the last `unwatch`. */
	get watched(): boolean {
		return this.#watch !== undefined
	}

	/** A source that cannot be watched is polled. */
	watch(context: FetchContext): void {
		const { fetcher, logger, name } = this.#settings
		try {
			this.#watch = fetcher.watch?.(this.#onChange, context) ?? 'impossible'
		} catch (error) {
			this.#watch = 'impossible'
			logger.warn(`${name} cannot watch its source, and polls it only`, { term: name, error })
		}
	}

	unwatch(): void {
		if (this.#watch !== 'impossible') this.#watch?.[Symbol.dispose]()
		this.#watch = undefined
	}

	/** Closes the fetcher, and waits for whatever else is to end with it. No longer than a fixed limit, and never rejects. */
	async close(isOpen: boolean, others: ReadonlyArray<Promise<void>>): Promise<void> {
		const { clock, fetcher, logger, name } = this.#settings
		const limit = new AbortController()
		const timer = clock.timer(CLOSE_TIMEOUT, () =>
			limit.abort(
				new RemoteTermError(
					'TIMEOUT',
					`Expected the fetcher of ${name} to close within ${CLOSE_TIMEOUT} ms`,
					{
						term: name,
					},
				),
			),
		)
		try {
			await untilAborted(Promise.all([isOpen ? fetcher.close?.() : undefined, ...others]), limit.signal)
		} catch (error) {
			logger.warn(`The fetcher of ${name} did not close cleanly`, { term: name, error })
		} finally {
			timer[Symbol.dispose]()
		}
	}

	async #prepare(context: FetchContext, first: () => Promise<void>): Promise<void> {
		await first()
		await this.#settings.fetcher.init(context)
		this.#initialised = true
	}
}
