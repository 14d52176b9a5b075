import type { Logger } from './logger.ts'

/** May be asynchronous. What it returns is not looked at, save for a promise that rejects. */
export type Listener<Payload> = (payload: Payload) => unknown

/**
 * A small typed emitter, in place of `node:events`, for two reasons: there a listener that throws silences those
 * behind it and throws into the code that emitted; and it does not exist outside Node.
 *
 * Listeners are called in the order in which they were added. One that throws, or whose promise rejects, is logged
 * and harms nobody. Those added during an emit are called from the next one on.
 */
export class Emitter<Events extends object> {
	readonly #listeners = new Map<keyof Events, ReadonlyArray<Listener<never>>>()
	readonly #logger: Logger

	constructor(logger: Logger) {
		this.#logger = logger
	}

	/** Returns the function that removes the listener again. */
	on<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): () => void {
		const added: Listener<Events[Name]> = payload => listener(payload)
		this.#listeners.set(name, [...(this.#listeners.get(name) ?? []), added])
		return () => {
			const left = (this.#listeners.get(name) ?? []).filter(one => one !== added)
			if (left.length > 0) this.#listeners.set(name, left)
			else this.#listeners.delete(name)
		}
	}

	/** Whether anybody listens, for those to whom the payload is dear. */
	has(name: keyof Events): boolean {
		return this.#listeners.has(name)
	}

	emit<Name extends keyof Events>(name: Name, payload: Events[Name]): void {
		const listeners = this.#listeners.get(name) as ReadonlyArray<Listener<Events[Name]>> | undefined
		if (listeners === undefined) return
		for (const listener of listeners) {
			try {
				const result = listener(payload)
				// Its rejection must not end the process.
				if (result instanceof Promise) result.catch((error: unknown) => this.#report(name, error))
			} catch (error) {
				this.#report(name, error)
			}
		}
	}

	clear(): void {
		this.#listeners.clear()
	}

	#report(name: keyof Events, error: unknown): void {
		this.#logger.error(`A listener of '${String(name)}' threw`, { error })
	}
}
