import type { Random } from '../core/random.ts'
import { PARTS, partOf } from './digest.ts'
import { directiveKey } from './directive.ts'
import { isNothing, MAX_STAMPS, type HubMessage, type News, type Said, type Stamp } from './messages.ts'
import type { Registry } from './registry.ts'

/** A message that is made when its turn has come; `undefined` where there is no more need of it. */
export type Reply = () => HubMessage | undefined

/** Up to so many nodes and directives, a list of them all is as short as the digests of the parts. */
const SMALL = 64
/** How many lists one digest may set off. */
const MAX_SUMMARIES = 4

type ExchangeMessage = Said<'digest' | 'parts' | 'summary' | 'transfer'>

/**
 * How two nodes come to know the same, at the price of what differs:
 *
 *     a → b  digest      64 bits of all that I know. The same? Then that was it.
 *     b → a  parts       the same for each of 256 parts                           (left out where that is little)
 *     a → b  summary     in the parts that differ: who, up to which change
 *     b → a  transfer    what you lack; what I lack; whom else I have
 *     a → b  transfer    what you lack
 *
 * Any of these may be lost: the next round begins anew. None holds more than a message may.
 */
export class Exchange {
	readonly #registry: Registry
	readonly #random: Random

	constructor(registry: Registry, random: Random) {
		this.#registry = registry
		this.#random = random
	}

	digest(round?: string): Said<'digest'> {
		const { root } = this.#registry.digest
		return { kind: 'digest', root, ...(round !== undefined && { round }) }
	}

	/** Takes in what was said, and gives what there is to say to it. */
	answer(message: ExchangeMessage): Reply[] {
		switch (message.kind) {
			case 'digest':
				return [() => this.#compare(message.root)]
			case 'parts':
				return this.#listParts(message.hashes)
			case 'summary':
				return this.#settle(message)
			case 'transfer':
				return this.#take(message)
		}
	}

	/** A list of what is known in these parts; of everything, where none are named. */
	summary(parts?: readonly number[]): Said<'summary'> {
		const among = parts && new Set(parts)
		const stamps: Stamp[] = []
		for (const record of this.#registry.records())
			if (among?.has(partOf(record.id)) ?? true) stamps.push(record.stamp)
		const { directives } = this.#registry
		const told = [...directives.values()].filter(one => among?.has(partOf(directiveKey(one))) ?? true)
		return {
			kind: 'summary',
			...(parts !== undefined && { parts: [...parts] }),
			stamps: stamps.slice(0, MAX_STAMPS) as Array<[string, number, number]>,
			directives: told.slice(0, MAX_STAMPS).map(one => [directiveKey(one), one.epoch, one.author]),
		}
	}

	/** Asks for what is missing of these. */
	want(stamps: readonly Stamp[]): Said<'transfer'> {
		return this.#transfer({ wants: stamps })
	}

	/** Asks for whatever of these is news, or tells that there is nothing. */
	weigh(offers: readonly Stamp[]): Said<'transfer'> | undefined {
		const wants = this.#lacking(offers)
		return wants.length === 0 ? undefined : this.want(wants)
	}

	#compare(root: readonly [number, number]): HubMessage | undefined {
		if (this.#registry.digest.equals(root)) return undefined
		if (this.#registry.size + this.#registry.directives.size <= SMALL) return this.summary()
		return { kind: 'parts', hashes: this.#registry.digest.parts }
	}

	/** Some of the parts that differ where they are too many for one go: others each time. */
	#listParts(hashes: Uint8Array): Reply[] {
		const different = this.#registry.digest.differing(hashes)
		if (different.length === 0) return []
		const { directives, size } = this.#registry
		const perPart = Math.max(1, Math.ceil((2 * Math.max(size, directives.size)) / PARTS))
		const perMessage = Math.max(1, Math.floor(MAX_STAMPS / perPart))
		const offset = Math.floor(this.#random() * different.length)
		const turned = [...different.slice(offset), ...different.slice(0, offset)]
		const replies: Reply[] = []
		for (let at = 0; at < turned.length && replies.length < MAX_SUMMARIES; at += perMessage) {
			const parts = turned.slice(at, at + perMessage)
			replies.push(() => this.summary(parts))
		}
		return replies
	}

	#settle({ parts, stamps, directives }: Said<'summary'>): Reply[] {
		const registry = this.#registry
		const among = parts && new Set(parts)
		const theirs = new Map(stamps.map(stamp => [stamp[0], stamp]))
		// A list that is full may have left somebody out.
		const isWhole = stamps.length < MAX_STAMPS
		const since: Array<[string, number]> = []
		const offers: Stamp[] = []
		for (const record of registry.records()) {
			if (among !== undefined && !among.has(partOf(record.id))) continue
			const stamp = theirs.get(record.id)
			if (stamp === undefined) {
				if (isWhole) offers.push(record.stamp)
			} else if (isOlder(stamp, record.stamp)) since.push([record.id, record.fromOf(stamp)])
		}
		const told = new Set(directives.map(([key]) => key))
		const keys: string[] = []
		const wanted: string[] = []
		for (const [key, epoch, author] of directives) {
			if (registry.directives.isBehind(key, { epoch, author })) wanted.push(key)
			else if (isOther(registry.directives.get(key), epoch, author)) keys.push(key)
		}
		for (const one of registry.directives.values()) {
			const key = directiveKey(one)
			if (!told.has(key) && (among?.has(partOf(key)) ?? true)) keys.push(key)
		}
		const wants = this.#lacking(stamps)
		const idle = since.length + offers.length + wants.length + keys.length + wanted.length === 0
		return idle ? [] : [() => this.#transfer({ since, offers, wants, keys, wanted })]
	}

	#take(message: Said<'transfer'>): Reply[] {
		const registry = this.#registry
		const { fresh, gaps } = registry.apply(message)
		const { wants = [], wantedDirectives: keys = [], offers = [], more } = message
		const since: Array<[string, number]> = []
		for (const stamp of wants) {
			const record = registry.get(stamp[0])
			if (record !== undefined && isOlder(stamp, record.stamp)) since.push([stamp[0], record.fromOf(stamp)])
		}
		const lacking = [...gaps, ...this.#lacking(offers)]
		if (since.length + lacking.length + keys.length > 0)
			return [() => this.#transfer({ since, wants: lacking, keys })]
		// Only where that has brought us on: else two nodes that cannot agree would ask each other for ever.
		return more && !isNothing(fresh) ? [() => this.digest()] : []
	}

	#lacking(stamps: readonly Stamp[]): Stamp[] {
		const { own } = this.#registry
		return stamps
			.filter(stamp => stamp[0] !== own.id && this.#registry.lacks(stamp))
			.map(([id]) => this.#registry.get(id)?.stamp ?? [id, 0, 0])
	}

	#transfer(what: {
		readonly since?: ReadonlyArray<readonly [string, number]>
		readonly keys?: readonly string[]
		readonly wants?: readonly Stamp[]
		readonly wanted?: readonly string[]
		readonly offers?: readonly Stamp[]
	}): Said<'transfer'> {
		const { since = [], keys = [], wants = [], wanted = [], offers = [] } = what
		const news: News & { more: boolean } = this.#registry.newsOf(since, keys)
		return {
			kind: 'transfer',
			deltas: [...news.deltas],
			directives: [...news.directives],
			...(wants.length > 0 && { wants: bounded(wants) }),
			...(wanted.length > 0 && { wantedDirectives: wanted.slice(0, MAX_STAMPS) }),
			...(offers.length > 0 && { offers: bounded(offers) }),
			...(news.more && { more: true as const }),
		}
	}
}

const isOlder = ([, generation, seq]: Stamp, [, otherGeneration, otherSeq]: Stamp): boolean =>
	generation < otherGeneration || (generation === otherGeneration && seq < otherSeq)

const isOther = (
	held: { readonly epoch: number; readonly author: string } | undefined,
	epoch: number,
	author: string,
): boolean => held !== undefined && (held.epoch !== epoch || held.author !== author)

const bounded = (stamps: readonly Stamp[]): Array<[string, number, number]> =>
	stamps.slice(0, MAX_STAMPS).map(([id, generation, seq]) => [id, generation, seq])
