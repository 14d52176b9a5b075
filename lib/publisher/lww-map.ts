import { RemoteTermError } from '../core/errors.ts'
import { invalid, onlyKnownOptions } from '../core/options.ts'
import type { Channel, ChannelListener, Peer } from '../core/transport.ts'
import { Beat } from './beat.ts'
import { MapCopy, type MapNotification } from './map-copy.ts'
import { mapSettings, type MapSettings, type SharedMapOptions, type SharedMapStatus } from './map-options.ts'
import { Questions } from './map-questions.ts'
import { decodeMapMessage, encodeMapMessage, isKey, type MapChange, type MapMessage } from './map-wire.ts'
import type { SubscriptionRef } from './module.ts'
import { PART_BYTES } from './outgoing.ts'
import { pack } from './packing.ts'
import { Subscriptions, type SubscribeOptions, type Subscription } from './subscriptions.ts'

/**
 * A small map that everybody may write and everybody has: for shared settings, switches, leases of no consequence. The
 * last write of a key wins, by hybrid logical clocks, and the same one wins everywhere. What is written stays when its
 * author is gone, as long as anybody is there.
 *
 * It stands beside `DataPublisher` rather than on it: there a node's data are its own and go with it. Here every copy
 * has everything, any copy can be merged with any other in any order and as often as one likes, and so there are no
 * sequences to keep, only differences to find: copies compare digests, and ask for the buckets that differ.
 */
export class SharedMap<Value> implements AsyncDisposable {
	readonly scope: string
	readonly self: Peer
	readonly #settings: MapSettings
	readonly #copy: MapCopy<Value>
	readonly #subscriptions: Subscriptions<string | undefined, MapNotification<Value>>
	readonly #channel: Channel<unknown>
	readonly #beat: Beat
	readonly #questions = new Questions()
	#unsent: MapChange[] = []
	readonly #ahead = new Map<string, number>()
	readonly #refusedBy = new Map<string, number>()
	#refused = 0
	#malformed = 0
	#stopped: Promise<void> | undefined

	private constructor(scope: string, settings: MapSettings) {
		const { transport, clock, random, interval, maxInterval, logger } = settings
		this.scope = scope
		this.self = transport.self
		this.#settings = settings
		this.#copy = new MapCopy(transport.self.id, settings)
		this.#subscriptions = new Subscriptions(transport.self.boot, 100_000, logger)
		this.#beat = new Beat(clock, random, interval, maxInterval, () => {
			this.#copy.sweep()
			this.#ahead.clear()
			this.#refusedBy.clear()
			this.#broadcast({ kind: 'digest', digest: this.#copy.digest })
		})
		const listener: ChannelListener<unknown> = {
			peerUp: peer => {
				this.#send(peer, { kind: 'digest', digest: this.#copy.digest })
				this.#beat.stir()
			},
			peerDown: ({ id, name }) => {
				this.#questions.forget(id)
				this.#ahead.delete(name)
				this.#refusedBy.delete(name)
			},
			message: (from, message) => this.#receive(from, message),
		}
		this.#channel = transport.open<unknown>(scope, listener)
		this.#beat.stir()
	}

	/**
	 * Starts with nothing, and gets what the others have as they are found.
	 *
	 * @throws `INVALID_OPTION`, also for a scope that is open on this transport already.
	 */
	static start<Value>(scope: string, options: SharedMapOptions): SharedMap<Value> {
		return new SharedMap(scope, mapSettings(scope, options))
	}

	/** The value as it came out of MessagePack. It is the map's own: do not change it. */
	get(key: string): Value | undefined {
		return this.#copy.get(key)
	}

	has(key: string): boolean {
		return this.#copy.has(key)
	}

	get size(): number {
		return this.#copy.size
	}

	entries(): Generator<[key: string, value: Value], void, undefined> {
		return this.#copy.entries()
	}

	/**
	 * In force here at once, and everywhere else when it has arrived, unless somebody has written later.
	 *
	 * @param key 1 to 256 characters.
	 * @throws `INVALID_OPTION` for what cannot be encoded, and for `undefined`; `TOO_LARGE` over `maxValueBytes`,
	 *   `maxEntries` or `maxBytes`; `STOPPED`. Nothing has changed then.
	 */
	set(key: string, value: Value): void {
		this.#alive()
		this.#write(key, pack('The value', value))
	}

	/** @returns whether it was there. Throws as `set` does. */
	delete(key: string): boolean {
		this.#alive()
		if (!this.#copy.has(key)) return false
		this.#write(key, undefined)
		return true
	}

	/** The entry of one key, or with `undefined` all of them, and every change from then on. */
	subscribe(
		key: string | undefined,
		options: SubscribeOptions<MapNotification<Value>> = {},
	): Subscription<ReadonlyMap<string, Value>, MapNotification<Value>> {
		onlyKnownOptions('subscribe', options, ['signal', 'bound', 'onNotification', 'onEnd'])
		this.#alive()
		if (key === undefined) return this.#subscriptions.add(key, new Map(this.entries()), options)
		const result = new Map(this.has(key) ? [[key, this.get(key) as Value]] : [])
		return this.#subscriptions.add(key, result, options)
	}

	unsubscribe(ref: SubscriptionRef): void {
		this.#subscriptions.remove(ref)
	}

	status(): SharedMapStatus {
		return {
			scope: this.scope,
			self: this.self,
			peers: [...this.#channel.peers.values()],
			entries: this.#copy.size,
			bytes: this.#copy.bytes,
			tombstones: this.#copy.tombstones,
			ahead: new Map(this.#ahead),
			refusedBy: new Map(this.#refusedBy),
			refused: this.#refused,
			malformed: this.#malformed,
			stopped: this.#stopped !== undefined,
		}
	}

	/** Leaves. What is in the map stays with the others. Idempotent. */
	stop(): Promise<void> {
		this.#stopped ??= this.#stop()
		return this.#stopped
	}

	[Symbol.asyncDispose](): Promise<void> {
		return this.stop()
	}

	async #stop(): Promise<void> {
		this.#flush()
		this.#beat.close()
		this.#subscriptions.end(stopped(this.scope))
		await this.#channel.close()
	}

	#write(key: string, bytes: Uint8Array | undefined): void {
		if (!isKey(key)) throw invalid('key', 'a string of 1 to 256 characters', key)
		const { change, merged } = this.#copy.write(key, bytes)
		if (merged.kind === 'refused') throw merged.error
		if (this.#unsent.push(change) === 1) queueMicrotask(() => this.#flush())
		this.#beat.stir()
		if (merged.kind === 'changed') this.#notify([merged.notification])
	}

	/** What was written in one go leaves in one message. */
	#flush(): void {
		const changes = this.#unsent
		this.#unsent = []
		for (const some of portioned(changes)) this.#broadcast({ kind: 'changes', changes: some })
	}

	#receive(from: Peer, message: unknown): void {
		const decoded = decodeMapMessage(message)
		switch (decoded?.kind) {
			case 'changes':
				this.#merge(from, decoded.changes)
				return
			case 'digest': {
				const buckets = this.#questions.about(from.id, this.#copy.digest, decoded.digest)
				if (buckets.length > 0) this.#send(from, { kind: 'want', buckets })
				return
			}
			case 'want':
				for (const changes of portioned(this.#copy.changes(decoded.buckets)))
					this.#send(from, { kind: 'changes', changes })
				return
			case 'ahead':
				this.#refusedBy.set(from.name, decoded.excess)
				return
			case undefined:
				this.#malformed++
		}
	}

	#merge(from: Peer, changes: readonly MapChange[]): void {
		const notifications: Array<MapNotification<Value>> = []
		let excess = 0
		for (const change of changes) {
			try {
				const merged = this.#copy.merge(change)
				if (merged.kind === 'changed') notifications.push(merged.notification)
				else if (merged.kind === 'ahead') excess = Math.max(excess, merged.excess)
				else if (merged.kind === 'refused') this.#refuse(from, merged.error)
			} catch (error) {
				this.#refuse(from, error)
			}
		}
		if (excess > 0) this.#tooFarAhead(from, excess)
		if (notifications.length === 0) return
		this.#beat.stir()
		this.#notify(notifications)
	}

	#refuse(from: Peer, error: unknown): void {
		if (this.#refused++ === 0)
			this.#settings.logger.error(`'${this.scope}': a peer's change is refused`, { peer: from.id, error })
	}

	#tooFarAhead(from: Peer, excess: number): void {
		if (!this.#ahead.has(from.name))
			this.#settings.logger.warn(
				`'${this.scope}': a peer sends what was written too far ahead of our clock`,
				{
					peer: from.id,
					excess,
				},
			)
		this.#ahead.set(from.name, excess)
		// The answer will be another one when time has caught up.
		this.#questions.forget(from.id)
		this.#send(from, { kind: 'ahead', excess })
	}

	#notify(notifications: ReadonlyArray<MapNotification<Value>>): void {
		const { deliver } = this.#subscriptions.gather(() => {
			for (const notification of notifications)
				for (const key of [undefined, notification.key])
					for (const subscriber of this.#subscriptions.map.get(key)?.values() ?? [])
						subscriber.notify(notification)
		})
		deliver()
	}

	#send(to: Peer, message: MapMessage): void {
		this.#channel.send(to, encodeMapMessage(message))
	}

	#broadcast(message: MapMessage): void {
		if (this.#channel.peers.size > 0) this.#channel.broadcast(encodeMapMessage(message))
	}

	#alive(): void {
		if (this.#stopped !== undefined) throw stopped(this.scope)
	}
}

/** In portions of which each fits into a message. */
function* portioned(changes: Iterable<MapChange>): Generator<readonly MapChange[], void, undefined> {
	let portion: MapChange[] = []
	let bytes = 0
	for (const change of changes) {
		portion.push(change)
		bytes += change.key.length * 3 + (change.bytes?.length ?? 0) + 100
		if (bytes < PART_BYTES) continue
		yield portion
		portion = []
		bytes = 0
	}
	if (portion.length > 0) yield portion
}

const stopped = (scope: string): RemoteTermError =>
	new RemoteTermError('STOPPED', `The shared map '${scope}' has been stopped`)
