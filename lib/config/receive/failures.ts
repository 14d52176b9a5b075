import type { Clock } from '../../core/clock.ts'
import type { ErrorIssue } from '../../core/errors.ts'
import { isName } from '../names.ts'

/** One thing that was refused. Nothing of its content: that may be large, and may be secret. */
export interface FailureRecord {
	/** Ascending; of the first time. */
	readonly id: number
	/** `undefined` where it did not say, or said something that is no name. */
	readonly service: string | undefined
	/** Of an item; `undefined` where the push or the pull as a whole is meant. */
	readonly requestType: string | undefined
	readonly version: string | undefined
	readonly source: 'push' | 'pull'
	/** Whom it came from, where that is known. */
	readonly node: string | undefined
	/** What was wrong, each with its place. */
	readonly reasons: readonly string[]
	/** How often the very same has happened. */
	readonly count: number
	/** Of the first time, in milliseconds since the Unix epoch. */
	readonly firstAt: number
	readonly lastAt: number
	/** When it will be forgotten unless it happens again. */
	readonly expiresAt: number
}

export interface FailureFilter {
	readonly service?: string | undefined
	readonly source?: 'push' | 'pull' | undefined
}

export interface FailureQuery extends FailureFilter {
	/** Default 100. */
	readonly limit?: number | undefined
	/** By when they last happened. Default `newestFirst`. */
	readonly order?: 'newestFirst' | 'oldestFirst' | undefined
}

export interface FailureSummary {
	readonly total: number
	readonly push: number
	readonly pull: number
	/** The failures of each service, the services with the most first. What named no service is not among them. */
	readonly byService: ReadonlyMap<string, number>
	readonly oldestAt: number | undefined
	readonly newestAt: number | undefined
}

/** What is told to a `FailureLog`. */
export interface Failure {
	readonly service?: unknown
	readonly requestType?: unknown
	readonly version?: unknown
	readonly source: 'push' | 'pull'
	readonly node?: string | undefined
	readonly reasons: readonly string[]
}

const DAY = 86_400_000
const MAX_RECORDS = 1_000
const MAX_REASONS = 20
const MAX_REASON = 500
const MAX_NODE = 256

/**
 * What was refused lately. A failure that repeats itself, as that of a broken item does with each pull, is one record
 * that counts. Bounded in number, in size and in time; records that have expired are dropped whenever one looks.
 */
export class FailureLog {
	readonly #clock: Clock
	readonly #ttl: number
	readonly #max: number
	/** In the order in which they last happened. */
	readonly #records = new Map<string, FailureRecord>()
	#lastId = 0

	constructor(clock: Clock, { ttl = DAY, max = MAX_RECORDS }: { ttl?: number; max?: number } = {}) {
		this.#clock = clock
		this.#ttl = ttl
		this.#max = max
	}

	record({ service, requestType, version, source, node, reasons }: Failure): FailureRecord {
		this.cleanup()
		const facts = {
			service: isName(service) ? service : undefined,
			requestType: isName(requestType) ? requestType : undefined,
			version: typeof version === 'string' ? version.slice(0, 64) : undefined,
			...{ source, node: node?.slice(0, MAX_NODE) },
			reasons: reasons.slice(0, MAX_REASONS).map(reason => reason.slice(0, MAX_REASON)),
		}
		const key = JSON.stringify(Object.values(facts))
		const before = this.#records.get(key)
		const now = this.#clock.now()
		const record: FailureRecord = Object.freeze({
			id: before?.id ?? ++this.#lastId,
			...facts,
			reasons: Object.freeze(facts.reasons),
			count: (before?.count ?? 0) + 1,
			firstAt: before?.firstAt ?? now,
			lastAt: now,
			expiresAt: now + this.#ttl,
		})
		this.#records.delete(key)
		this.#records.set(key, record)
		for (const oldest of this.#records.keys()) {
			if (this.#records.size <= this.#max) break
			this.#records.delete(oldest)
		}
		return record
	}

	list({ limit = 100, order = 'newestFirst', ...filter }: FailureQuery = {}): readonly FailureRecord[] {
		const records = this.#matching(filter)
		if (order === 'newestFirst') records.reverse()
		return records.slice(0, Math.max(0, limit))
	}

	count(filter: FailureFilter = {}): number {
		return this.#matching(filter).length
	}

	summary(): FailureSummary {
		const records = this.#matching({})
		const services = new Map<string, number>()
		for (const { service } of records) {
			if (service !== undefined) services.set(service, (services.get(service) ?? 0) + 1)
		}
		const pushes = records.filter(({ source }) => source === 'push').length
		return {
			total: records.length,
			push: pushes,
			pull: records.length - pushes,
			byService: new Map([...services].sort((a, b) => b[1] - a[1])),
			oldestAt: records[0]?.lastAt,
			newestAt: records.at(-1)?.lastAt,
		}
	}

	/** Drops what has expired, and says how much that was. */
	cleanup(): number {
		const now = this.#clock.now()
		const before = this.#records.size
		// Not in the order of expiry where the wall clock was set back.
		for (const [key, { expiresAt }] of this.#records) if (expiresAt <= now) this.#records.delete(key)
		return before - this.#records.size
	}

	clear(): void {
		this.#records.clear()
	}

	#matching({ service, source }: FailureFilter): FailureRecord[] {
		this.cleanup()
		return [...this.#records.values()].filter(
			record =>
				(service === undefined || record.service === service) &&
				(source === undefined || record.source === source),
		)
	}
}

/** A fault as one line. */
export const reasonOf = ({ path, message }: ErrorIssue): string =>
	path.length > 0 ? `/${path.join('/')}: ${message}` : message
