import { Emitter } from '../core/events.ts'
import type { Logger } from '../core/logger.ts'
import { publishChange } from './channels.ts'
import type { ConfigChange, ConfigItem, ListedItem, Lookup, PullTarget, ServiceRecord } from './config-db.ts'
import type { ServiceState, Step } from './service-state.ts'

const NOT_FOUND = Object.freeze({ status: 'not_found' })
const NO_ITEMS: readonly never[] = Object.freeze([])

/**
 * What every `ConfigDb` answers from: the state of each service, in memory. A service changes by one swap, then its
 * watchers are told, so a reader sees it before or after, never in between. It knows nothing of where states are kept.
 */
export class ConfigMirror<Item extends ConfigItem, Pull extends PullTarget = PullTarget> {
	readonly #states = new Map<string, ServiceState<Item, Pull>>()
	readonly #events: Emitter<{ change: ConfigChange<Pull> }>
	#size = 0
	#records: ReadonlyArray<ServiceRecord<Pull>> | undefined

	constructor(logger: Logger) {
		this.#events = new Emitter(logger)
	}

	get size(): number {
		return this.#size
	}

	get(service: string, requestType: string, version?: string): Lookup<Item> {
		return this.#states.get(service)?.get(requestType, version) ?? NOT_FOUND
	}

	getLatest(service: string, requestType: string): Lookup<Item> {
		return this.#states.get(service)?.getLatest(requestType) ?? NOT_FOUND
	}

	service(service: string): ServiceRecord<Pull> | undefined {
		return this.#states.get(service)?.record
	}

	/** By name. Made once per change, not once per call. */
	services(): ReadonlyArray<ServiceRecord<Pull>> {
		this.#records ??= Object.freeze(
			[...this.#states.values()]
				.map(({ record }) => record)
				.sort((a, b) => (a.service < b.service ? -1 : a.service > b.service ? 1 : 0)),
		)
		return this.#records
	}

	items(service: string): ReadonlyArray<ListedItem<Item>> {
		return this.#states.get(service)?.items ?? NO_ITEMS
	}

	state(service: string): ServiceState<Item, Pull> | undefined {
		return this.#states.get(service)
	}

	/** Puts a state in place without telling anybody: what a database does while it opens. */
	load(state: ServiceState<Item, Pull>): void {
		this.#swap(state.record.service, state)
	}

	/** Puts a new state in place (`undefined`: the service is gone), then tells watchers and diagnostics channels. */
	apply({ state, change }: Step<Item, Pull>): void {
		this.#swap(change.service, state)
		publishChange(change)
		this.#events.emit('change', change)
	}

	/** Calls back in the order of the changes, one at a time. A listener that throws is logged, and harms nobody. */
	watch(listener: (change: ConfigChange<Pull>) => void): Disposable {
		const off = this.#events.on('change', listener)
		return { [Symbol.dispose]: off }
	}

	/** Nobody is told anything any more. Reads go on. */
	silence(): void {
		this.#events.clear()
	}

	#swap(service: string, state: ServiceState<Item, Pull> | undefined): void {
		this.#size += (state?.items.length ?? 0) - (this.#states.get(service)?.items.length ?? 0)
		if (state === undefined) this.#states.delete(service)
		else this.#states.set(service, state)
		this.#records = undefined
	}
}
