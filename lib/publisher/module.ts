import type { Peer } from '../core/transport.ts'

/** Names one subscription of one publisher. Never used twice. */
export type SubscriptionRef = string

/** Somebody who subscribed, as a module sees it. */
export interface Subscriber<Notification> {
	readonly ref: SubscriptionRef
	/**
	 * Hands over a notification. It is delivered when the callback that told it has returned, and thrown away if that
	 * throws instead. Delivery never throws into the module.
	 */
	notify(notification: Notification): void
}

/** All subscribers, by what they subscribed to. A key without subscribers is not in the map. */
export type Subscriptions<Key, Notification> = ReadonlyMap<
	Key,
	ReadonlyMap<SubscriptionRef, Subscriber<Notification>>
>

/** What the translating callbacks may return in place of something translated: raw messages, sent as they are. */
export class PlainMessages {
	readonly messages: readonly unknown[]

	constructor(messages: readonly unknown[]) {
		this.messages = messages
	}
}

/** Sends these messages, one by one, instead of an update or of full data: for a peer that speaks no `DataPublisher`. */
export const plainMessages = (messages: readonly unknown[]): PlainMessages => new PlainMessages(messages)

/** What a foreign message means. `view` is the view after it, which `translateMessage` may have changed. */
export type Translation<Data, Update, View, Version> =
	/** An update of our own data, as if by `update`. */
	| { readonly kind: 'update'; readonly update: Update; readonly view: View }
	| { readonly kind: 'drop'; readonly view: View }
	/** For messages of a peer that speaks no `DataPublisher`. Ignored for messages that came from nobody. */
	| { readonly kind: 'peerUpdate'; readonly update: Update; readonly view: View }
	| { readonly kind: 'peerData'; readonly version: Version; readonly data: Data; readonly view: View }
	| { readonly kind: 'peerDiscover'; readonly version: Version; readonly view: View }

/**
 * What is replicated: how data is stored, updated, compared and told. Every node that opens a scope runs a module, and
 * during a rolling upgrade these are modules of different versions.
 *
 * All callbacks are synchronous and are called one at a time; none may call the publisher back. `Data` and `Update`
 * travel as MessagePack, so they are plain data (see `Transport`). Updates are never changed. The view never travels and may be whatever is fast to read; it may be changed
 * in place, since a view whose callback threw is thrown away and built again.
 *
 * The reference is `data_publisher` of Erlang/OTP 29.
 */
export interface PublisherModule<Data, Update, View, Key, Result, Version, Notification> {
	/** The version of data and updates that this node speaks. Asked once, at the start. */
	version(): Version

	/** The view before anything is known. Called again, after `stopGlobalView`, when a callback has thrown. */
	initGlobalView(scope: string): View

	/** Empty data: what a node begins with, what a new peer is compared with, and what remains of one that is gone. */
	initLocalData(): Data

	stopGlobalView?(view: View): void

	/**
	 * Data after an update. Accepts updates of every older version. Large data may be changed in place and returned, if
	 * nothing can throw once the first change is made; called after `updateGlobalViewAndNotify`, with the same update.
	 */
	updateLocalData(update: Update, data: Data): Data

	/**
	 * Applies one node's update to the view, and notifies. Accepts updates of every older version; an empty update
	 * changes nothing and notifies nobody.
	 *
	 * @param origin The instance whose data changes. Key what the view knows by `origin.id`, not by `origin.name`: an old
	 *   instance may be removed after its successor has arrived.
	 */
	updateGlobalViewAndNotify(
		origin: Peer,
		update: Update,
		subscriptions: Subscriptions<Key, Notification>,
		view: View,
	): View

	/** The smallest update for which `updateLocalData(update, before)` equals `after`. Accepts older versions of `after`. */
	dataDiff(before: Data, after: Data): Update

	/** What a new subscriber gets: what it would know had it been notified of everything since the beginning. */
	newSubscription(key: Key, view: View): Result

	/** An update as a peer of another version understands it. Called only for versions that differ. */
	translateUpdate?(mine: Version, theirs: Version, update: Update): Update | PlainMessages

	/** Full data as a peer of another version understands it. Called only for versions that differ. */
	translateLocalData?(mine: Version, theirs: Version, data: Data): Data | PlainMessages

	/**
	 * What to make of a message that is not the publisher's own: from `DataPublisher.tell`, where `from` is undefined, or
	 * from a peer that does not speak the protocol.
	 */
	translateMessage?(
		message: unknown,
		view: View,
		from: Peer | undefined,
	): Translation<Data, Update, View, Version>
}

/** Versions are compared with `===`. */
export type ModuleVersion = string | number
