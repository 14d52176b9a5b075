/**
 * What every item of a service has, whatever else it has. `FunConfig` is the one that is provided; those who store
 * something else bring their own schema.
 */
export interface ConfigItem {
	readonly service: string
	readonly requestType: string
	/** A semantic version. `0.0.0`, the default, is lower than all others. */
	readonly version: string
	/** What the service itself wishes. An operator's `setDisabled` outweighs it. */
	readonly disabled?: boolean | undefined
}

/** Where items of a service come from when the gateway fetches them itself. See `ServiceConfig` for its fields. */
export interface PullTarget {
	readonly service: string
}

/** What is known of a service as a whole. Changes in the same transaction as its items. */
export interface ServiceRecord<Pull extends PullTarget = PullTarget> {
	readonly service: string
	/** The version of the service's configuration, opaque unless both sides are semantic versions. */
	readonly configVersion: string
	/**
	 * A positive integer that grows with each change of the service: a commit, a deletion, an operator's flag. It is not
	 * given twice, not even after a deletion: what compare-and-set goes by.
	 */
	readonly revision: number
	/** Who brought it: the service itself, or our puller. */
	readonly source: 'push' | 'pull'
	/** When it was committed, in milliseconds since the Unix epoch. */
	readonly committedAt: number
	/** The nodes that serve this service: URLs or names. */
	readonly nodes: readonly string[]
	readonly pull?: Pull | undefined
	/** When the source of a pull published it, in milliseconds since the Unix epoch, where it has said so. */
	readonly publishedAt?: number | undefined
	/**
	 * The version that was pulled last. It outlasts pushes: a source that still has it has nothing new, also where a push
	 * has replaced it, and also after a restart.
	 */
	readonly pulledVersion?: string | undefined
}

/** Where nothing is found it is said why: an operator's `disable` is no absence. */
export type Lookup<Item> =
	| { readonly status: 'found'; readonly item: Item }
	| { readonly status: 'not_found' }
	| { readonly status: 'disabled' }

export interface ListedItem<Item> {
	readonly item: Item
	/** Whether reads pass over it: an operator's flag, which no push changes; without one, the item's own wish. */
	readonly disabled: boolean
}

/** The whole new state of one service. Items that are not in it vanish. */
export interface ServiceCommit<Item extends ConfigItem, Pull extends PullTarget = PullTarget> {
	readonly service: string
	readonly configVersion: string
	readonly source: 'push' | 'pull'
	readonly nodes: readonly string[]
	readonly pull?: Pull | undefined
	readonly publishedAt?: number | undefined
	/** Unique by `requestType` and `version`. */
	readonly items: readonly Item[]
	/** The revision that this was decided upon; 0 where the service was unknown. Another one is `CONFLICT`. */
	readonly expectedRevision: number
}

/** By `requestType` and `version`. */
export interface ItemRef {
	readonly requestType: string
	readonly version: string
}

/** One change, as it became visible. `revision` lets a watcher tell what it has seen. */
export interface ConfigChange<Pull extends PullTarget = PullTarget> {
	readonly kind: 'committed' | 'deleted' | 'enabled' | 'disabled'
	readonly service: string
	readonly revision: number
	readonly added: readonly ItemRef[]
	readonly changed: readonly ItemRef[]
	readonly removed: readonly ItemRef[]
	/** The record after the change; left out after a deletion. */
	readonly record?: ServiceRecord<Pull> | undefined
}

/**
 * Where configurations live. One contract, one conformance suite (`configDbConformance`), and three that pass it:
 * `MemoryConfigDb`, `LmdbConfigDb`, `NatsConfigDb`.
 *
 * Reads are synchronous, from memory, and see a service either before a commit or after it, never in between. A write
 * resolves when it is as durable as the database promises (LMDB: on disk and synced; NATS: acknowledged by a quorum)
 * and visible to this process's reads; a write that rejects has changed nothing. Items and records are frozen.
 */
export interface ConfigDb<Item extends ConfigItem, Pull extends PullTarget = PullTarget> {
	/**
	 * Reads everything into memory. Once, before all else.
	 *
	 * @throws `DATABASE_FAILED` for a file that is torn, foreign, of a newer format, or in use by another process.
	 */
	open(): Promise<void>
	/** @param version Default `0.0.0`. Exactly this version; there is no fallback. */
	get(service: string, requestType: string, version?: string): Lookup<Item>
	/** The highest enabled version by semver, pre-releases below their releases, `0.0.0` below all. */
	getLatest(service: string, requestType: string): Lookup<Item>
	service(service: string): ServiceRecord<Pull> | undefined
	services(): ReadonlyArray<ServiceRecord<Pull>>
	/** By `requestType`, then by version. Disabled ones included. Empty for a service that is unknown. */
	items(service: string): ReadonlyArray<ListedItem<Item>>
	/** Items in all, disabled ones included. */
	readonly size: number

	/**
	 * One transaction: items stored, vanished ones removed, record and pull registration replaced.
	 *
	 * @throws `CONFLICT` where the service has another revision than expected: reads then see the state that it
	 * conflicted with, so whoever decides again decides upon that; `VALIDATION_FAILED` for items that
	 * are another service's, not unique, of a version that is none, or not plain data; `DATABASE_FAILED`,
	 * `NOT_STARTED`, `STOPPED`.
	 */
	commit(commit: ServiceCommit<Item, Pull>): Promise<ConfigChange<Pull>>
	/** Items, record, pull registration and operator's flags. `undefined` where the service was unknown. */
	delete(service: string): Promise<ConfigChange<Pull> | undefined>
	/**
	 * The operator's word. `true` is sticky: no push, no pull, no item that goes and comes back changes it. `false` takes it
	 * back; where the item itself wishes to be disabled it is sticky, too. `not_found` where there is no such item.
	 */
	setDisabled(
		service: string,
		item: ItemRef,
		disabled: boolean,
	): Promise<'changed' | 'unchanged' | 'not_found'>

	/** Calls back after each change, in the order in which changes became visible, whoever made them. */
	watch(listener: (change: ConfigChange<Pull>) => void): Disposable
	/** Waits for writes under way, then frees everything. Reads go on answering from memory. */
	close(): Promise<void>
}
