import type { FleetServices } from './fleet-term.ts'
import { MAX_VERSION, type RunState } from './rows.ts'
import { clip } from './run-state.ts'

/** The services of a gateway on this node, as rows. */
export class LocalServices {
	readonly #names = new Set<string>()
	readonly #source: FleetServices
	readonly #publish: (service: string, state: RunState | undefined) => void
	readonly #watch: Disposable

	constructor(source: FleetServices, publish: (service: string, state: RunState | undefined) => void) {
		this.#source = source
		this.#publish = publish
		this.#watch = source.watch(() => this.#read())
		try {
			this.#read()
		} catch (error) {
			this.close()
			throw error
		}
	}

	/** Its services are gone from here. */
	close(): void {
		this.#watch[Symbol.dispose]()
		for (const service of this.#names) this.#publish(service, undefined)
		this.#names.clear()
	}

	#read(): void {
		const gone = new Set(this.#names)
		for (const { service, configVersion, committedAt } of this.#source.services()) {
			gone.delete(service)
			this.#names.add(service)
			const version = clip(configVersion, MAX_VERSION)
			this.#publish(service, { version, since: committedAt, status: 'ready', lastSuccessAt: committedAt })
		}
		for (const service of gone) {
			this.#names.delete(service)
			this.#publish(service, undefined)
		}
	}
}
