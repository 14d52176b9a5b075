import type { Peer } from '../core/transport.ts'
import { Digest, partOf } from './digest.ts'
import { directiveKey, type Directive } from './directive.ts'
import { Directives } from './directives.ts'
import { isNothing, MAX_DIRECTIVES, MAX_ROWS, type Delta, type News, type Stamp } from './messages.ts'
import { NodeRecord } from './node-record.ts'
import type { RunState } from './rows.ts'

export interface RegistrySettings {
	readonly self: Peer
	readonly startedAt: number
	/** Nothing is kept of anybody else. */
	readonly isMember: (id: string) => boolean
	readonly maxRows: number
	readonly maxNodes: number
	readonly maxDirectives: number
	/** Milliseconds since the Unix epoch. */
	readonly now: () => number
	/** Told after something has become known, or was forgotten. */
	readonly changed: (change: RegistryChange) => void
}

export type RegistryChange =
	| { readonly kind: 'rows'; readonly id: string; readonly keys: readonly string[] }
	| { readonly kind: 'directive'; readonly directive: Directive }

/** What has come of news. */
export interface Applied {
	/** What was new to us. */
	readonly fresh: News
	/** What we had already: record ids and directive keys. */
	readonly known: readonly string[]
	/** What we know of those of whom something between is missing. */
	readonly gaps: readonly Stamp[]
}

/** All that one node knows of the fleet: a record of each instance that is up, and the directives. */
export class Registry {
	readonly own: NodeRecord
	readonly digest = new Digest()
	readonly directives: Directives
	readonly #settings: RegistrySettings
	readonly #records = new Map<string, NodeRecord>()
	#wasPopulated = false

	constructor(settings: RegistrySettings) {
		this.#settings = settings
		this.own = new NodeRecord(settings.self.id, settings.startedAt)
		this.directives = new Directives(settings.maxDirectives, settings.now, (key, fact) =>
			this.digest.toggle(partOf(key), fact),
		)
	}

	/** Of nobody who never said anything, ourselves included. */
	get(id: string): NodeRecord | undefined {
		if (id === this.own.id) return this.#wasPopulated ? this.own : undefined
		return this.#records.get(id)
	}

	*records(): Generator<NodeRecord, void, undefined> {
		if (this.#wasPopulated) yield this.own
		yield* this.#records.values()
	}

	/** Of how many others something is known. */
	get others(): number {
		return this.#records.size
	}

	get size(): number {
		return this.others + (this.#wasPopulated ? 1 : 0)
	}

	/** What this node runs; without a state: no longer. Returns false where nothing has changed. */
	set(key: string, state: RunState | undefined): boolean {
		const { changed, maxRows } = this.#settings
		const before = this.own.fact
		if (!this.own.set(key, state, maxRows)) return false
		if (this.#wasPopulated) this.digest.toggle(partOf(this.own.id), before)
		this.#wasPopulated = true
		this.digest.toggle(partOf(this.own.id), this.own.fact)
		changed({ kind: 'rows', id: this.own.id, keys: [key] })
		return true
	}

	/**
	 * What this node has to say of itself. `suppress` as long as it has never had anything: a node that has just booted
	 * knows nothing yet, which is another thing than having nothing (SPEC §3.4).
	 */
	ownSince(from: number): Delta | 'suppress' {
		return this.#wasPopulated ? this.own.since(from, MAX_ROWS) : 'suppress'
	}

	/** A directive of ours, later than what was said before. @throws `INVALID_OPTION` where there is no place for it */
	author(what: Omit<Directive, 'at' | 'author' | 'epoch'>): Directive {
		const { now, self } = this.#settings
		const key = directiveKey(what)
		this.directives.expectRoomFor(key)
		const directive = { ...what, epoch: this.directives.nextEpoch(key), author: self.id, at: now() }
		this.#adopt(directive)
		return directive
	}

	apply({ deltas, directives }: News): Applied {
		const fresh: { deltas: Delta[]; directives: Directive[] } = { deltas: [], directives: [] }
		const known: string[] = []
		const gaps: Stamp[] = []
		for (const delta of deltas) {
			if (delta.id === this.own.id || !this.#settings.isMember(delta.id)) continue
			switch (this.#applyDelta(delta)) {
				case 'applied':
					fresh.deltas.push(delta)
					break
				case 'gap':
					gaps.push(this.#records.get(delta.id)?.stamp ?? [delta.id, 0, 0])
					break
				case 'known':
					known.push(delta.id)
					break
				case 'refused':
			}
		}
		for (const directive of directives) {
			if (this.#adopt(directive)) fresh.directives.push(directive)
			else known.push(directiveKey(directive))
		}
		return { fresh, known, gaps }
	}

	/** Somebody is gone, and with it all that it said. */
	forget(id: string): void {
		const record = this.#records.get(id)
		if (record === undefined) return
		this.#records.delete(id)
		this.digest.toggle(partOf(id), record.fact)
		this.#settings.changed({ kind: 'rows', id, keys: [...record.live()].map(([key]) => key) })
	}

	/** Whether we would take something of this stamp. */
	lacks(stamp: Stamp): boolean {
		const [id] = stamp
		if (id === this.own.id || !this.#settings.isMember(id)) return false
		return this.#records.get(id)?.isBehind(stamp) ?? stamp[1] > 0
	}

	/** What was said since these moments, and these directives, up to what one message holds. */
	newsOf(
		since: Iterable<readonly [id: string, from: number]>,
		keys: Iterable<string>,
	): News & { more: boolean } {
		const deltas: Delta[] = []
		const directives: Directive[] = []
		let room = MAX_ROWS
		let more = false
		for (const [id, from] of since) {
			const record = this.get(id)
			if (record === undefined) continue
			if (room <= 0) {
				more = true
				break
			}
			const delta = record.since(from, room)
			more ||= delta.to < record.seq
			// A delta without rows takes room as well.
			room -= Math.max(1, delta.rows.length)
			deltas.push(delta)
		}
		for (const key of keys) {
			const directive = this.directives.get(key)
			if (directive === undefined) continue
			if (directives.length >= MAX_DIRECTIVES) {
				more = true
				break
			}
			directives.push(directive)
		}
		return { deltas, directives, more }
	}

	/** Everything that this node says of itself, and every directive: what a newcomer is told. */
	localNews(): News | 'suppress' {
		const own = this.ownSince(0)
		const { directives } = this.newsOf([], [...this.directives.values()].map(directiveKey))
		const news = { deltas: own === 'suppress' ? [] : [own], directives }
		return isNothing(news) ? 'suppress' : news
	}

	#applyDelta(delta: Delta): ReturnType<NodeRecord['apply']> {
		const { changed, maxNodes, maxRows } = this.#settings
		const known = this.#records.get(delta.id)
		if (known === undefined && this.#records.size >= maxNodes) return 'refused'
		const record = known ?? new NodeRecord(delta.id, delta.startedAt)
		const before = record.fact
		const had = delta.generation > record.generation ? [...record.live()].map(([key]) => key) : []
		const outcome = record.apply(delta, maxRows)
		if (outcome !== 'applied') return outcome
		if (known === undefined) this.#records.set(delta.id, record)
		else this.digest.toggle(partOf(delta.id), before)
		this.digest.toggle(partOf(delta.id), record.fact)
		changed({ kind: 'rows', id: delta.id, keys: [...new Set([...had, ...delta.rows.map(({ key }) => key)])] })
		return outcome
	}

	#adopt(directive: Directive): boolean {
		if (!this.directives.adopt(directive)) return false
		this.#settings.changed({ kind: 'directive', directive })
		return true
	}
}
