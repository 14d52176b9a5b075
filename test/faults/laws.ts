import type { RemoteTermError } from '../../lib/core/errors.ts'
import type { Health } from '../../lib/term/health.ts'
import { isWhole, type Document } from './document.ts'
import type { Allowed } from './faults.ts'
import type { Publisher } from './publisher.ts'

/** What a refresh came to, by the word of whoever was told to refresh. */
export interface Reported {
	readonly status: 'updated' | 'unchanged' | 'failed'
	readonly version: string | undefined
	readonly error?: RemoteTermError | undefined
}

/** All that can be seen of a term from outside at one moment. What a contestant does not tell is left out. */
export interface Sight {
	readonly value: unknown
	/** What the value was when it was seen, in case that it is changed in place. */
	readonly mark?: string
	/** Values that were seen in place since the last sight, newest last. */
	readonly seen?: readonly unknown[]
	readonly version?: string | undefined
	readonly health?: Health
	/** Milliseconds until each waiting timer fires. Where time is real, there is no telling. */
	readonly timers?: readonly number[]
	readonly now?: number
	/** Timers that wait for something else than the next refresh, by the harness's own knowledge. */
	readonly otherTimers?: number
}

/** What was done to a term, and what that came to. */
export interface Step {
	readonly act: 'start' | 'refresh' | 'rollback' | 'stop'
	/** What the harness knows about how it should be. */
	readonly phase: 'idle' | 'running' | 'stopped'
	readonly before: Sight
	readonly after: Sight
	readonly reported?: Reported | undefined
	readonly allowed?: Allowed | undefined
	/** Consecutive failures so far, by the harness's own count. */
	readonly failures?: number
	/** The source itself has said that it changed, and so wants to be asked, whatever it had said before. */
	readonly told?: boolean
	/** Set once the faults are over: how many refreshes were enough, or `false` for more than the bound. */
	readonly caughtUpAfter?: number | false
	/** Set after a stop. */
	readonly left?: Left
	/** Where time is real: whether the source was asked again, and how often sooner than it wanted. */
	readonly askedAgain?: boolean
	readonly askedTooSoon?: number
}

/** What is still there of a term that has stopped. */
export interface Left {
	readonly timers?: number
	/** Connections and files, by the word of the other side. */
	readonly open?: number
	readonly calls?: readonly string[]
	/** Questions to the source since. */
	readonly asked?: number
}

const keyOf = ({ serial, checksum }: Document): string => `${serial}-${checksum}`

/** What a term has shown so far. */
export class Journal {
	readonly publisher: Publisher
	/** The edition that was served last, as its place in the publisher's log; `-1` for none. */
	position = -1
	/** Since its start. What came before is told by `position` only. */
	hasServed = false
	/** What was rolled back last, and how many publications there were until then. */
	withdrawn: { readonly key: string; readonly publications: number } | undefined
	readonly #places = new Map<string, number[]>()
	#indexed = 0

	constructor(publisher: Publisher) {
		this.publisher = publisher
	}

	/** The places of a document in the log. A value that is not whole, or that nobody published, has none. */
	placesOf(value: unknown): readonly number[] {
		if (!isWhole(value)) return []
		const { log } = this.publisher
		for (; this.#indexed < log.length; this.#indexed++) {
			const { document } = log[this.#indexed]!
			this.#places.set(keyOf(document), [...(this.#places.get(keyOf(document)) ?? []), this.#indexed])
		}
		return this.#places.get(keyOf(value)) ?? []
	}
}

export interface Law {
	readonly name: string
	readonly says: string
	/** The breach, in words; `undefined` where the law holds; `null` where it has nothing to say about the step. */
	judge(step: Step, journal: Journal): string | undefined | null
}

export const nameOf = (value: unknown): string => {
	if (value === undefined) return 'nothing'
	if (isWhole(value)) return `document ${value.serial}`
	const text = JSON.stringify(value) ?? typeof value
	return text.length > 80 ? `${text.slice(0, 80)}…` : text
}

const valuesOf = ({ seen, value }: Sight): readonly unknown[] => [...(seen ?? []), value]

/** What `get()` returns is some version that the source published whole, and nothing else ever. */
export const onlyWhatWasPublished: Law = {
	name: 'only-published',
	says: 'What get() returns was published whole and passed every check',
	judge({ after }, journal) {
		for (const value of valuesOf(after)) {
			if (value !== undefined && journal.placesOf(value).length === 0)
				return `get() returned ${nameOf(value)}, which was never published`
		}
		return undefined
	},
}

/** The source may go back, and then its log says so; what it serves may not come out of order. */
export const neverBack: Law = {
	name: 'never-back',
	says: 'Versions never flip back, unless the source itself did',
	judge({ act, reported, after }, journal) {
		// The one who asked for it takes what he gets; from there on it goes forwards again.
		if (act === 'rollback' && reported?.status === 'updated') {
			journal.position = journal.placesOf(after.value)[0] ?? journal.position
			return undefined
		}
		let breach: string | undefined
		for (const value of valuesOf(after)) {
			if (value === undefined) {
				if (journal.hasServed) breach ??= 'get() returned nothing after it had returned a document'
				continue
			}
			const places = journal.placesOf(value)
			if (places.length === 0) continue
			journal.hasServed = true
			const next = places.find(place => place >= journal.position)
			if (next === undefined)
				breach ??= `get() went back to ${nameOf(value)} after ${nameOf(journal.publisher.log[journal.position]!.document)}`
			journal.position = next ?? places.at(-1)!
		}
		return breach
	},
}

export const alwaysScheduled: Law = {
	name: 'always-scheduled',
	says: 'While a term runs, a refresh is scheduled or under way',
	judge({ phase, askedAgain, after: { health, timers, now } }) {
		if (askedAgain !== undefined) return askedAgain ? undefined : 'the source is not asked any more'
		if (phase !== 'running' || health === undefined) return null
		if (health.refreshing) return undefined
		if (health.nextRefreshAt === undefined) return 'no refresh is scheduled and none is under way'
		const wait = health.nextRefreshAt - now!
		// Both clocks are read, so their fractions may differ in the last place.
		return timers === undefined || timers.some(timer => Math.abs(timer - wait) < 1e-3)
			? undefined
			: `the next refresh is said to come in ${wait} ms, but the timers are due in ${timers.join(', ')}`
	},
}

export const oneTimer: Law = {
	name: 'one-timer',
	says: 'A term has at most one timer for its next refresh',
	judge({ phase, after: { health, timers, otherTimers = 0 } }) {
		if (phase === 'stopped' || timers === undefined || health === undefined || health.refreshing) return null
		const most = phase === 'running' ? 1 + otherTimers : 0
		return timers.length > most
			? `${timers.length} timers wait, in ${timers.join(', ')} ms, where ${most} should`
			: undefined
	},
}

export const outcomeAgrees: Law = {
	name: 'outcome-agrees',
	says: 'The outcome of update() agrees with what happened to get()',
	judge({ act, reported, before, after }) {
		if (act !== 'refresh' || reported === undefined) return null
		const { status, error, version } = reported
		const swapped = before.value !== after.value || before.mark !== after.mark
		if (status === 'updated' && !swapped) return 'updated is reported, but get() returns what it did'
		if (status !== 'updated' && swapped)
			return `${status} is reported, but get() went from ${nameOf(before.value)} to ${nameOf(after.value)}`
		if ((status === 'failed') !== (error !== undefined))
			return `${status} is reported ${error === undefined ? 'without an' : 'with the'} error ${error?.code ?? ''}`
		if (status === 'failed' && version !== before.version)
			return `a failure moved the version from ${before.version} to ${version}`
		return version === after.version
			? undefined
			: `version ${version} is reported, and the term has ${after.version}`
	},
}

/** A fault leads to what its entry in the vocabulary allows: its own error codes, or none. */
export const failsAsAllowed: Law = {
	name: 'fails-as-allowed',
	says: 'Each fault is told by its own error code, and what is harmless does not fail',
	judge({ reported, allowed }) {
		if (reported === undefined || allowed === undefined) return null
		const { status, error } = reported
		if (allowed === 'success')
			return status === 'failed' ? `it failed: ${error?.code} (${error?.message})` : undefined
		if (status !== 'failed') return `it was ${status}, where ${allowed.join(' or ')} was due`
		return allowed.includes(error!.code)
			? undefined
			: `it failed with ${error!.code} (${error!.message}), where ${allowed.join(' or ')} was due`
	},
}

/** What was rolled back is not applied again before the source has moved on. */
export const staysRolledBack: Law = {
	name: 'stays-rolled-back',
	says: 'What was rolled back stays out until the source moves on',
	judge({ act, after, reported, before }, journal) {
		const { log } = journal.publisher
		if (act === 'rollback' && reported?.status === 'updated' && isWhole(before.value)) {
			journal.withdrawn = {
				key: keyOf(before.value),
				publications: log.length,
			}
		}
		const { withdrawn } = journal
		if (withdrawn === undefined || withdrawn.publications !== log.length) return null
		return isWhole(after.value) && keyOf(after.value) === withdrawn.key
			? `${nameOf(after.value)} is in place again, though nothing was published since it was rolled back`
			: undefined
	},
}

/** A source that asks for patience (`Retry-After`) gets it. */
export const patient: Law = {
	name: 'patient',
	says: 'A source that says when to come back is left alone until then',
	judge({ phase, reported, told = false, askedTooSoon, after: { health, now } }) {
		if (askedTooSoon !== undefined)
			return askedTooSoon > 0
				? `the source was asked ${askedTooSoon} times before the time it had named`
				: undefined
		if (told) return null
		const wait = reported?.error?.retryAfter
		if (phase !== 'running' || wait === undefined || health?.nextRefreshAt === undefined) return null
		const planned = health.nextRefreshAt - now!
		return planned >= wait ? undefined : `the next refresh comes in ${planned} ms, asked for were ${wait}`
	},
}

export const truthfulHealth: Law = {
	name: 'truthful-health',
	says: 'health() tells the truth: status, readiness, failures, last error, version',
	judge({ act, phase, after, reported, failures }) {
		const { health, value, version } = after
		if (health === undefined) return null
		const facts: Array<readonly [string, unknown, unknown]> = [
			['ready', health.ready, value !== undefined],
			['version', health.version, version],
		]
		if (failures !== undefined) facts.push(['consecutiveFailures', health.consecutiveFailures, failures])
		if (reported?.status === 'failed' && act !== 'rollback')
			facts.push(['lastError', health.lastError, reported.error])
		if (phase === 'running' && failures !== undefined && health.status !== 'stale') {
			const status = failures > 0 ? 'failing' : value === undefined ? 'starting' : 'ready'
			facts.push(['status', health.status, status])
		}
		if (phase !== 'running') facts.push(['status', health.status, phase])
		if (health.stale !== (health.status === 'stale') && phase === 'running')
			facts.push(['stale', health.stale, health.status === 'stale'])
		if (health.ageMs !== undefined && !(health.ageMs >= 0)) facts.push(['ageMs', health.ageMs, 'a span'])
		const lie = facts.find(([, told, true_]) => told !== true_)
		return lie && `health().${lie[0]} is ${textOf(lie[1])}, which should be ${textOf(lie[2])}`
	},
}

const textOf = (fact: unknown): string =>
	fact instanceof Error ? `${(fact as RemoteTermError).code} (${fact.message})` : String(fact)

export const catchesUp: Law = {
	name: 'catches-up',
	says: 'When the faults are over, the newest published version is in place within a bounded number of refreshes',
	judge({ caughtUpAfter, after }, { publisher }) {
		if (caughtUpAfter === undefined) return null
		return caughtUpAfter === false
			? `${nameOf(after.value)} is still in place, and ${nameOf(publisher.newest.document)} was published`
			: undefined
	},
}

export const silentAfterStop: Law = {
	name: 'silent-after-stop',
	says: 'After stop() nothing is called, asked or changed',
	judge({ left, before, after }) {
		if (left === undefined) return null
		const { calls = [], asked = 0 } = left
		if (calls.length > 0) return `after stop() came ${calls.join(', ')}`
		if (asked > 0) return `after stop() the source was asked ${asked} times`
		return nameOf(before.value) === nameOf(after.value)
			? undefined
			: `after stop() get() went from ${nameOf(before.value)} to ${nameOf(after.value)}`
	},
}

export const nothingLeft: Law = {
	name: 'nothing-left',
	says: 'After stop() no timer, socket or file descriptor is left',
	judge({ left }) {
		if (left === undefined) return null
		const { timers = 0, open = 0 } = left
		if (timers > 0) return `${timers} timers are left`
		return open > 0 ? `${open} connections or files are left open` : undefined
	},
}

/** The order matters: who goes back is found out only of what was published at all. */
export const laws: readonly Law[] = [
	onlyWhatWasPublished,
	neverBack,
	alwaysScheduled,
	oneTimer,
	outcomeAgrees,
	failsAsAllowed,
	patient,
	staysRolledBack,
	truthfulHealth,
	catchesUp,
	silentAfterStop,
	nothingLeft,
]

export interface Breach {
	readonly law: string
	readonly breach: string
}

/** Counts of the judgments of each law. */
export type Tally = Map<string, number>

/** Holds a step against every law. */
export const examine = (step: Step, journal: Journal, tally?: Tally): readonly Breach[] =>
	laws.flatMap(law => {
		const breach = law.judge(step, journal)
		if (breach === null) return []
		tally?.set(law.name, (tally.get(law.name) ?? 0) + 1)
		return breach === undefined ? [] : [{ law: law.name, breach }]
	})
