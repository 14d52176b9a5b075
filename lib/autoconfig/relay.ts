import { fieldsOf, integerField, stringField, type Fields } from './fields.ts'
import type { ItemHandler } from './handler.ts'
import type { ItemKind } from './item-kind.ts'
import type { AutoConfigPublisher } from './publisher.ts'
import { StreamManager } from './stream-manager.ts'
import type { CommonStreamOptions } from './stream-options.ts'

/** An item as its source describes it, with its version in the field `version`. */
export type RelayedItem = Fields

/** Items as they are: whatever else they have, they have a version. LaunchDarkly's say which one they are, too. */
export const relayedItems = (collection: string): ItemKind<RelayedItem> => ({
	collection,
	parse(raw) {
		const item = fieldsOf(raw, 'an item')
		const version = integerField(item, 'version')
		return { item, version, ...(collection === 'environments' && { id: stringField(item, 'envID') }) }
	},
})

/**
 * A manager that has a publisher serve what it follows: streams chain. Versions and deletions pass through as they are,
 * and what a `put` overrules here it overrules there. The publisher waits for the first complete configuration, be it
 * the stream's or the last good one. Nobody else may change what the publisher has.
 *
 * While the stream is not heard, the publisher's configuration is marked as stale: whoever is ahead of it, because it has
 * listened to another relay, or to this one before its last good configuration was saved, is not set back.
 */
export const relayStream = (
	publisher: AutoConfigPublisher<RelayedItem>,
	options: CommonStreamOptions<RelayedItem>,
): StreamManager<RelayedItem> => {
	let hasHeardAll = false
	/** What a put has removed, to be told at once when all of it has been told. */
	const removed = new Set<string>()
	const flush = (): void => {
		if (removed.size > 0) publisher.forget(removed)
		removed.clear()
	}
	const take = (id: string, item: RelayedItem): void => {
		flush()
		publisher.restore(id, item, integerField(item, 'version'))
	}
	const handler: ItemHandler<RelayedItem> = {
		add: take,
		update: take,
		delete(id) {
			const version = manager.versionOf(id)
			// A deletion that is remembered has a version; one by a put has none.
			if (version === undefined) removed.add(id)
			else {
				flush()
				publisher.delete(id, version)
			}
		},
		receivedAll({ source }) {
			flush()
			publisher.complete()
			hasHeardAll ||= source === 'stream'
			if (source === 'last-good') publisher.markStale()
		},
		statusChanged({ state }) {
			if (state !== 'VALID') publisher.markStale()
			// It has gone on where it was, without a put.
			else if (hasHeardAll) publisher.complete()
		},
	}
	const manager: StreamManager<RelayedItem> = new StreamManager<RelayedItem>({
		...options,
		kind: relayedItems(publisher.collection),
		handler,
	})
	return manager
}
