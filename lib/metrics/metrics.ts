import { safely } from '../diagnostics/channels.ts'
import { invalid, onlyKnownOptions, positiveInteger } from '../core/options.ts'
import { refreshChannel, statusChannel, type RefreshContext, type StatusChange } from '../term/channels.ts'
import type { Health } from '../term/health.ts'
import { CONTENT_TYPE, renderFamily } from './exposition.ts'
import { FAMILIES } from './families.ts'
import { readGauges } from './gauges.ts'
import { bounded, Histogram, Numbers } from './instruments.ts'

/** What a `RemoteTerm` is to its metrics. */
export interface MeasuredTerm {
	readonly name: string
	health(): Health
}

export interface MetricsOptions {
	/** The terms whose health is read at each scrape. More can be added later. Default: none. */
	readonly terms?: readonly MeasuredTerm[] | undefined
	/** What the name of each metric begins with, an underscore after it. Default: `remote_term`. */
	readonly prefix?: string | undefined
	/** How many names of terms are kept apart; the terms beyond are `(other)`. Default: 100. */
	readonly maxTerms?: number | undefined
}

const MAX_CODES = 64
const RECALLS: ReadonlySet<string> = new Set<RefreshContext['trigger']>(['disk', 'rollback', 'pin'])

/**
 * What the terms of this process do, for Prometheus.
 *
 * Counters and histograms hear of every refresh of every term in the process, from the moment of creation, by the
 * diagnostics channels; there is nothing to be registered. Gauges tell how the registered terms are doing at the moment
 * of the scrape. Terms with the same name make one series: their counts are added, and of their gauges the worst
 * counts.
 */
export class Metrics implements Disposable {
	/** Of what `text()` returns. */
	readonly contentType = CONTENT_TYPE
	readonly #prefix: string
	readonly #terms = new Set<MeasuredTerm>()
	readonly #termOf: (name: string) => string
	readonly #codeOf = bounded(MAX_CODES)
	readonly #refreshes = new Numbers(FAMILIES.refreshes)
	readonly #failures = new Numbers(FAMILIES.failures)
	readonly #retries = new Numbers(FAMILIES.retries)
	readonly #recalls = new Numbers(FAMILIES.recalls)
	readonly #statusChanges = new Numbers(FAMILIES.statusChanges)
	readonly #received = new Numbers(FAMILIES.received)
	readonly #inflated = new Numbers(FAMILIES.inflated)
	readonly #duration = new Histogram(FAMILIES.duration)
	readonly #steps = new Histogram(FAMILIES.steps)
	readonly #blocked = new Histogram(FAMILIES.blocked)
	readonly #blockedMax = new Numbers(FAMILIES.blockedMax)
	readonly #lag = new Histogram(FAMILIES.lag)
	readonly #onRefresh = safely<RefreshContext>(context => this.#count(context))
	readonly #onStatus = safely<StatusChange>(({ term, status }) =>
		this.#statusChanges.add([this.#termOf(term), status]),
	)

	/** @throws `INVALID_OPTION` */
	constructor(options: MetricsOptions = {}) {
		onlyKnownOptions('createMetrics', options, ['terms', 'prefix', 'maxTerms'])
		const { terms = [], prefix = 'remote_term', maxTerms = 100 } = options
		if (typeof prefix !== 'string' || !/^[A-Za-z_:][\w:]*$/.test(prefix))
			throw invalid(
				'prefix',
				'a name of letters, digits, `_` and `:` that does not begin with a digit',
				prefix,
			)
		if (!Array.isArray(terms)) throw invalid('terms', 'an array of terms', terms)
		this.#prefix = prefix
		this.#termOf = bounded(positiveInteger('maxTerms', maxTerms))
		for (const term of terms as readonly MeasuredTerm[]) this.add(term)
		refreshChannel.asyncEnd.subscribe(this.#onRefresh)
		statusChannel.subscribe(this.#onStatus)
	}

	/**
	 * Reads this term's health at each scrape from now on. Returns the function that ends it.
	 *
	 * @throws `INVALID_OPTION`
	 */
	add(term: MeasuredTerm): () => void {
		if (typeof term?.health !== 'function' || typeof term.name !== 'string')
			throw invalid('terms', 'an array of terms', term)
		this.#terms.add(term)
		// A series that begins at 0 shows its first increase, too.
		const name = this.#termOf(term.name)
		for (const outcome of ['updated', 'unchanged', 'failed']) this.#refreshes.add([name, outcome], 0)
		for (const numbers of [this.#retries, this.#received, this.#inflated]) numbers.add([name], 0)
		return () => void this.#terms.delete(term)
	}

	/** All metrics in the text exposition format of Prometheus (0.0.4), as of now. */
	text(): string {
		const counted = [
			this.#refreshes,
			this.#failures,
			this.#retries,
			this.#recalls,
			this.#statusChanges,
			this.#received,
			this.#inflated,
			this.#duration,
			this.#steps,
			this.#blocked,
			this.#blockedMax,
			this.#lag,
		].map(instrument => [instrument.family, instrument.samples()] as const)
		return [...counted, ...readGauges(this.#healths())]
			.map(([family, samples]) => renderFamily(this.#prefix, family, samples))
			.join('')
	}

	/** Stops counting, and lets the terms go. */
	close(): void {
		refreshChannel.asyncEnd.unsubscribe(this.#onRefresh)
		statusChannel.unsubscribe(this.#onStatus)
		this.#terms.clear()
	}

	[Symbol.dispose](): void {
		this.close()
	}

	#healths(): Map<string, Health[]> {
		const healths = new Map<string, Health[]>()
		for (const term of this.#terms) {
			const name = this.#termOf(term.name)
			healths.set(name, [...(healths.get(name) ?? []), term.health()])
		}
		return healths
	}

	#count(context: RefreshContext): void {
		const { trigger, outcome, error, retry, durationMs, steps, bytes, inflatedBytes } = context
		if (outcome === undefined) return
		const term = this.#termOf(context.term)
		if (RECALLS.has(trigger)) this.#recalls.add([term, trigger, outcome])
		else {
			this.#refreshes.add([term, outcome])
			if (error !== undefined) this.#failures.add([term, this.#codeOf(error.code)])
			if (retry > 0) this.#retries.add([term])
			if (durationMs !== undefined) this.#duration.observe([term, outcome], durationMs / 1000)
			for (const [step, ms] of Object.entries<number>(steps ?? {}))
				this.#steps.observe([term, step], ms / 1000)
			this.#received.add([term], bytes ?? 0)
			this.#inflated.add([term], inflatedBytes ?? 0)
		}
		this.#countNewValue(term, context)
	}

	/** What only a body, or a new value, gives cause for. */
	#countNewValue(term: string, { trigger, outcome, blocked, previousVersion, lagMs }: RefreshContext): void {
		const parts = Object.entries<number>(blocked ?? {})
		for (const [part, ms] of parts)
			if (part !== 'notify' || outcome === 'updated') this.#blocked.observe([term, part], ms / 1000)
		const total = parts.reduce((sum, [, ms]) => sum + ms, 0)
		if (parts.length > 0) this.#blockedMax.raise([term], total / 1000)
		// What was published before this process first asked says nothing about how fast news travels.
		if (lagMs !== undefined && previousVersion !== undefined && !RECALLS.has(trigger))
			this.#lag.observe([term], Math.max(0, lagMs) / 1000)
	}
}

/** @throws `INVALID_OPTION` */
export const createMetrics = (options?: MetricsOptions): Metrics => new Metrics(options)
