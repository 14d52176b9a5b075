import { untilAborted } from '../../core/clock.ts'
import { RemoteTermError } from '../../core/errors.ts'
import type { FetchContext, Fetcher } from '../../core/fetcher.ts'

/** One node of a service, as the puller asks it. */
export interface PullNode {
	/** As it may be shown. */
	readonly label: string
	readonly document: LateFetcher
	/** Where the version is asked for by itself. */
	readonly version: LateFetcher | undefined
}

/**
 * A fetcher that is made and initialised when it is first needed, and again whenever that failed or took longer than an
 * attempt has: a node that is down while the gateway starts is as good as one that goes down later, and a maker that
 * never answers costs the attempts that it was asked in and no more. What comes too late is closed.
 */
export class LateFetcher {
	readonly #make: () => Fetcher | Promise<Fetcher>
	/** Being made, or made. */
	#making: Promise<Fetcher> | undefined
	#made: Fetcher | undefined
	#isReady = false

	constructor(make: () => Fetcher | Promise<Fetcher>) {
		this.#make = make
	}

	/** For one caller at a time. Rejects with the signal's reason as soon as that is aborted. */
	async open(context: FetchContext): Promise<Fetcher> {
		const fetcher = this.#made ?? (await this.#makeWithin(context.signal))
		if (!this.#isReady) await untilAborted(fetcher.init(context), context.signal)
		// It may have been closed meanwhile.
		this.#isReady = this.#made === fetcher
		return fetcher
	}

	/** Waits for the fetcher's own closing, but not for one that is still being made: that is closed when it comes. */
	async close(): Promise<void> {
		const made = this.#made
		this.#giveUp()
		await made?.close?.()
	}

	async #makeWithin(signal: AbortSignal): Promise<Fetcher> {
		const making = (async () => this.#make())()
		this.#making = making
		try {
			const fetcher = await untilAborted(making, signal)
			if (this.#making !== making) throw new RemoteTermError('STOPPED', 'Closed while it was being made')
			this.#made = fetcher
			return fetcher
		} catch (error) {
			if (this.#making === making) this.#giveUp()
			throw error
		}
	}

	#giveUp(): void {
		if (this.#made === undefined) void this.#making?.then(late => late.close?.()).catch(() => {})
		this.#making = this.#made = undefined
		this.#isReady = false
	}
}
