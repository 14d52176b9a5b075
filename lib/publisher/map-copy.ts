import { RemoteTermError } from '../core/errors.ts'
import { Ordering } from '../core/ordering.ts'
import { compareStamps, HybridClock, type Stamp } from './hybrid-clock.ts'
import { bucketOf, digestOf } from './map-digest.ts'
import type { MapSettings } from './map-options.ts'
import type { MapChange } from './map-wire.ts'
import { unpack } from './packing.ts'

interface Entry<Value> {
	readonly value: Value
	readonly bytes: Uint8Array
}

export interface MapNotification<Value> {
	readonly type: 'set' | 'delete'
	readonly key: string
	/** The new value; `undefined` for a deletion. */
	readonly value: Value | undefined
	readonly previous: Value | undefined
	/** The id of the instance that wrote it. */
	readonly by: string
}

/** What has become of a change. */
export type Merged<Value> =
	| { readonly kind: 'changed'; readonly notification: MapNotification<Value> }
	/** Known, older than what is known, or a deletion of what was not there. */
	| { readonly kind: 'nothing' }
	| { readonly kind: 'ahead'; readonly excess: number }
	| { readonly kind: 'refused'; readonly error: RemoteTermError }

/** One copy of the map: what is in it, what was deleted, and how another copy's changes are merged into it. */
export class MapCopy<Value> {
	readonly #ordering: Ordering<Entry<Value>, Stamp>
	readonly #hybrid: HybridClock
	readonly #settings: MapSettings
	#bytes = 0
	#digest: readonly number[] | undefined

	constructor(by: string, settings: MapSettings) {
		this.#settings = settings
		this.#hybrid = new HybridClock(settings.clock, by, settings.maxAhead)
		this.#ordering = new Ordering<Entry<Value>, Stamp>({
			compare: compareStamps,
			// What is one too many is ours to choose: see `#trim`.
			maxTombstones: 2 * settings.maxTombstones,
		})
	}

	get size(): number {
		return this.#ordering.size
	}

	/** Of all values, encoded. */
	get bytes(): number {
		return this.#bytes
	}

	get tombstones(): number {
		this.#trim()
		return this.#ordering.tombstones
	}

	get(key: string): Value | undefined {
		return this.#ordering.get(key)?.value
	}

	has(key: string): boolean {
		return this.#ordering.has(key)
	}

	*entries(): Generator<[key: string, value: Value], void, undefined> {
		for (const [key, { value }] of this.#ordering.entries()) yield [key, value]
	}

	/** A change of our own, later than all that is known. */
	write(
		key: string,
		bytes: Uint8Array | undefined,
	): { readonly change: MapChange; readonly merged: Merged<Value> } {
		const change = { key, stamp: this.#hybrid.next(), bytes }
		return { change, merged: this.#merge(change) }
	}

	/** A change of somebody else's. */
	merge(change: MapChange): Merged<Value> {
		const excess = this.#hybrid.excess(change.stamp)
		return excess > 0 ? { kind: 'ahead', excess } : this.#merge(change)
	}

	#merge({ key, stamp, bytes }: MapChange): Merged<Value> {
		const known = this.#ordering.versionOf(key)
		if (known !== undefined && compareStamps(stamp, known) <= 0) return { kind: 'nothing' }
		// Of what we would have forgotten by now there is nothing to remember.
		if (bytes === undefined && known === undefined && this.#isOld(stamp)) return { kind: 'nothing' }
		const before = this.#ordering.get(key)
		if (bytes === undefined) {
			this.#ordering.delete(key, stamp)
			if (this.#ordering.tombstones >= 2 * this.#settings.maxTombstones) this.#trim()
		} else {
			const error = this.#refusal(key, bytes, before)
			if (error !== undefined) return { kind: 'refused', error }
			this.#ordering.upsert(key, { value: unpack(bytes) as Value, bytes }, stamp)
		}
		this.#hybrid.see(stamp)
		this.#digest = undefined
		this.#bytes += (bytes?.length ?? 0) - (before?.bytes.length ?? 0)
		if (bytes === undefined && before === undefined) return { kind: 'nothing' }
		return {
			kind: 'changed',
			notification: {
				type: bytes === undefined ? 'delete' : 'set',
				key,
				value: this.get(key),
				previous: before?.value,
				by: stamp.by,
			},
		}
	}

	get digest(): readonly number[] {
		if (this.#digest === undefined) {
			this.#trim()
			this.#digest = digestOf(this.#stamps())
		}
		return this.#digest
	}

	/** All that is known of some buckets. */
	*changes(buckets: readonly number[]): Generator<MapChange, void, undefined> {
		this.#trim()
		const wanted = new Set(buckets)
		for (const [key, { bytes }, stamp] of this.#ordering.entries())
			if (wanted.has(bucketOf(key))) yield { key, stamp, bytes }
		for (const [key, stamp] of this.#ordering.deletions())
			if (wanted.has(bucketOf(key))) yield { key, stamp, bytes: undefined }
	}

	/** Forgets deletions that are older than `tombstoneTtl`. */
	sweep(): void {
		for (const [key, stamp] of [...this.#ordering.deletions()]) {
			if (!this.#isOld(stamp)) continue
			this.#ordering.forget(key)
			this.#digest = undefined
		}
	}

	/**
	 * Remembers the latest deletions, by their stamps and not by when we heard of them: copies that remember others of
	 * them would tell each other for ever.
	 */
	#trim(): void {
		const { maxTombstones } = this.#settings
		if (this.#ordering.tombstones <= maxTombstones) return
		const deletions = [...this.#ordering.deletions()].sort(([, a], [, b]) => compareStamps(b, a))
		for (const [key] of deletions.slice(maxTombstones)) this.#ordering.forget(key)
	}

	*#stamps(): Generator<readonly [string, Stamp], void, undefined> {
		for (const [key, , stamp] of this.#ordering.entries()) yield [key, stamp]
		for (const [key, stamp] of this.#ordering.deletions()) yield [`${key}\0`, stamp]
	}

	#isOld({ time }: Stamp): boolean {
		return this.#settings.clock.now() - time > this.#settings.tombstoneTtl
	}

	#refusal(key: string, bytes: Uint8Array, before: Entry<Value> | undefined): RemoteTermError | undefined {
		const { maxEntries, maxValueBytes, maxBytes } = this.#settings
		if (bytes.length > maxValueBytes)
			return tooLarge(`The value has ${bytes.length} bytes, more than ${maxValueBytes}`)
		if (before === undefined && this.size >= maxEntries)
			return tooLarge(`The map has ${this.size} entries, and no more than ${maxEntries} may be in it`)
		const total = this.#bytes + bytes.length - (before?.bytes.length ?? 0)
		return total > maxBytes
			? tooLarge(`With ${JSON.stringify(key)} the map would have ${total} bytes, more than ${maxBytes}`)
			: undefined
	}
}

const tooLarge = (message: string): RemoteTermError => new RemoteTermError('TOO_LARGE', message)
