import type { FetchContext, Fetcher } from '../core/fetcher.ts'

/** One node of a service, as the puller asks it. */
export interface PullNode {
	/** As it may be shown. */
	readonly label: string
	readonly document: LateFetcher
	/** Where the version is asked for by itself. */
	readonly version: LateFetcher | undefined
}

/**
 * A fetcher that is made and initialised when it is first needed, and again whenever that failed: a node that is down
 * while the gateway starts is as good as one that goes down later.
 */
export class LateFetcher {
	readonly #make: () => Fetcher | Promise<Fetcher>
	#made: Promise<Fetcher> | undefined
	#ready: Promise<Fetcher> | undefined

	constructor(make: () => Fetcher | Promise<Fetcher>) {
		this.#make = make
	}

	open(context: FetchContext): Promise<Fetcher> {
		this.#ready ??= this.#open(context).catch((error: unknown) => {
			this.#ready = undefined
			throw error
		})
		return this.#ready
	}

	async close(): Promise<void> {
		const fetcher = await this.#made?.catch(() => undefined)
		this.#ready = this.#made = undefined
		await fetcher?.close?.()
	}

	async #open(context: FetchContext): Promise<Fetcher> {
		this.#made ??= Promise.resolve(this.#make()).catch((error: unknown) => {
			this.#made = undefined
			throw error
		})
		const fetcher = await this.#made
		await fetcher.init(context)
		return fetcher
	}
}
