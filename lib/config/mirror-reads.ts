import type { ConfigChange, ConfigItem, ListedItem, Lookup, PullTarget, ServiceRecord } from './config-db.ts'
import type { ConfigMirror } from './mirror.ts'

/** The half of a `ConfigDb` that reads: all of it out of the mirror that the other half keeps. */
export abstract class MirrorReads<Item extends ConfigItem, Pull extends PullTarget> {
	readonly #mirror: ConfigMirror<Item, Pull>

	constructor(mirror: ConfigMirror<Item, Pull>) {
		this.#mirror = mirror
	}

	get(service: string, requestType: string, version?: string): Lookup<Item> {
		return this.#mirror.get(service, requestType, version)
	}

	getLatest(service: string, requestType: string): Lookup<Item> {
		return this.#mirror.getLatest(service, requestType)
	}

	service(service: string): ServiceRecord<Pull> | undefined {
		return this.#mirror.service(service)
	}

	services(): ReadonlyArray<ServiceRecord<Pull>> {
		return this.#mirror.services()
	}

	items(service: string): ReadonlyArray<ListedItem<Item>> {
		return this.#mirror.items(service)
	}

	get size(): number {
		return this.#mirror.size
	}

	watch(listener: (change: ConfigChange<Pull>) => void): Disposable {
		return this.#mirror.watch(listener)
	}
}
