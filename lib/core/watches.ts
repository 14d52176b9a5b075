import type { FetchContext } from './fetcher.ts'

/** Those who watch a source that lives in this process. */
export class Watches {
	readonly #owner: string
	readonly #tells = new Set<() => void>()

	constructor(owner: string) {
		this.#owner = owner
	}

	get size(): number {
		return this.#tells.size
	}

	clear(): void {
		this.#tells.clear()
	}

	/** Until it is disposed of or `context.signal` is aborted. */
	add(onChange: () => void, { signal, logger }: FetchContext): Disposable {
		const tell = (): void => {
			// An earlier listener of the same change may have ended this one.
			if (!this.#tells.has(tell)) return
			try {
				onChange()
			} catch (error) {
				logger.error(`A listener of ${this.#owner} threw`, { error })
			}
		}
		const end = (): void => {
			this.#tells.delete(tell)
			signal.removeEventListener('abort', end)
		}
		if (!signal.aborted) {
			this.#tells.add(tell)
			signal.addEventListener('abort', end, { once: true })
		}
		return { [Symbol.dispose]: end }
	}

	/** Tells those who watch now; who begins meanwhile is told from the next time on. */
	tell(): void {
		for (const tell of [...this.#tells]) tell()
	}
}
