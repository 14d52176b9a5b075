import type { AutoConfigPublisher } from '../../autoconfig/index.ts'
import type {
	ConfigChange,
	ConfigDb,
	ConfigItem,
	ItemRef,
	ListedItem,
	PullTarget,
} from '../../config/config-db.ts'

/** An item of a `ConfigDb` as it goes over the wire. */
export interface StreamedItem<Item extends ConfigItem = ConfigItem> {
	/** The revision of its service at which it became what it is. */
	readonly version: number
	/** Whether reads pass over it. */
	readonly disabled: boolean
	readonly item: Item
}

export interface ConfigDbSourceOptions {
	/**
	 * Added to every revision; default 0. For a database that begins anew with each process, whose revisions would be
	 * lower than those that clients have seen: they would ignore them.
	 */
	readonly versionsFrom?: number | undefined
}

/**
 * The id of an item in the stream: `users:get_user@1.0.0`, with percent signs for whatever else has a meaning there.
 * The same in every gateway, and for as long as the item is that version of that request type.
 */
export const streamId = (service: string, { requestType, version }: ItemRef): string =>
	`${encodeURIComponent(service)}:${encodeURIComponent(requestType)}@${encodeURIComponent(version)}`

/**
 * Has a publisher serve what an open database holds, and each of its changes.
 *
 * Versions are revisions: that of the change an item came by, or, for what was there already, that of its service. So of
 * two versions of an item the higher one is never the older, whichever gateway of one database it came from.
 *
 * A database in which nothing has ever been leaves the publisher waiting for the first item: it may be new, or it may
 * have lost everything, and clients keep what they have until it is known which.
 */
export const publishConfigDb = <Item extends ConfigItem, Pull extends PullTarget>(
	db: ConfigDb<Item, Pull>,
	publisher: AutoConfigPublisher<StreamedItem<Item>>,
	{ versionsFrom = 0 }: ConfigDbSourceOptions = {},
): Disposable => {
	const entryOf = (
		service: string,
		{ item, disabled }: ListedItem<Item>,
		revision: number,
	): readonly [string, StreamedItem<Item>, number] => {
		const version = versionsFrom + revision
		return [streamId(service, item), { version, disabled, item }, version]
	}
	const changed = ({ service, revision, added, changed, removed }: ConfigChange<Pull>): void => {
		// What is read may be newer than the change that is told; then so is its version.
		const current = Math.max(revision, db.service(service)?.revision ?? 0)
		const items = new Map(db.items(service).map(listed => [streamId(service, listed.item), listed]))
		for (const ref of [...added, ...changed]) {
			const listed = items.get(streamId(service, ref))
			if (listed !== undefined) publisher.upsert(...entryOf(service, listed, current))
		}
		for (const ref of removed) publisher.delete(streamId(service, ref), versionsFrom + revision)
		if (added.length > 0) publisher.complete()
	}
	const watch = db.watch(changed)
	const all = db
		.services()
		.flatMap(({ service, revision }) => db.items(service).map(listed => entryOf(service, listed, revision)))
	if (all.length > 0) publisher.put(all)
	return watch
}
