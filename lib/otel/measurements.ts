import type { Attributes, Meter, ObservableGauge, ObservableResult } from '@opentelemetry/api'
import { safely } from '../diagnostics/channels.ts'
import { FAMILIES } from '../metrics/families.ts'
import { readGauges } from '../metrics/gauges.ts'
import type { MeasuredTerm } from '../metrics/metrics.ts'
import { refreshChannel, type RefreshContext, type RefreshTrigger } from '../term/channels.ts'
import type { Health } from '../term/health.ts'
import type { Api } from './api.ts'
import { ATTRIBUTES as A, METRICS, type Metric } from './names.ts'

const RECALLS: ReadonlySet<RefreshTrigger> = new Set(['disk', 'rollback', 'pin'] as const)

/** Measures every refresh of the process, and the health of these terms. Returns the function that ends it. */
export const measureRefreshes = (api: Api, meter: Meter, terms: readonly MeasuredTerm[]): (() => void) => {
	const histogram = ({ name, unit, description, buckets = [] }: Metric) =>
		meter.createHistogram(name, { unit, description, advice: { explicitBucketBoundaries: [...buckets] } })
	const counter = ({ name, unit, description }: Metric) => meter.createCounter(name, { unit, description })
	const duration = histogram(METRICS.duration)
	const stepDuration = histogram(METRICS.steps)
	const blockedTime = histogram(METRICS.blocked)
	const lag = histogram(METRICS.lag)
	const received = counter(METRICS.received)
	const inflated = counter(METRICS.inflated)
	const recalls = counter(METRICS.recalls)

	const measure = (context: RefreshContext): void => {
		const { trigger, outcome, error, durationMs, steps, bytes, inflatedBytes, blocked } = context
		const name = { [A.name[0]]: context.term }
		const isRecall = RECALLS.has(trigger)
		if (isRecall) recalls.add(1, { ...name, [A.trigger[0]]: trigger, [A.outcome[0]]: outcome })
		else {
			const attributes: Attributes = { ...name, [A.outcome[0]]: outcome }
			if (error !== undefined) attributes[A.errorType[0]] = error.code
			duration.record((durationMs ?? 0) / 1000, attributes)
			for (const [step, ms] of Object.entries<number>(steps ?? {}))
				stepDuration.record(ms / 1000, { ...name, [A.step[0]]: step })
			if (bytes !== undefined) received.add(bytes, name)
			if (inflatedBytes !== undefined) inflated.add(inflatedBytes, name)
		}
		for (const [part, ms] of Object.entries<number>(blocked ?? {}))
			if (part !== 'notify' || outcome === 'updated')
				blockedTime.record(ms / 1000, { ...name, [A.part[0]]: part })
		// What was published before this process first asked says nothing about how fast news travels.
		if (context.lagMs !== undefined && context.previousVersion !== undefined && !isRecall)
			lag.record(Math.max(0, context.lagMs) / 1000, name)
	}
	const onEnd = safely(measure, error => api.diag.error('remote-term could not measure a refresh', error))
	refreshChannel.asyncEnd.subscribe(onEnd)
	const endGauges = observeHealth(meter, terms)
	return () => {
		refreshChannel.asyncEnd.unsubscribe(onEnd)
		endGauges()
	}
}

const GAUGES = [
	[METRICS.ready, FAMILIES.ready],
	[METRICS.stale, FAMILIES.stale],
	[METRICS.age, FAMILIES.age],
	[METRICS.consecutiveFailures, FAMILIES.consecutiveFailures],
] as const

/** Terms with the same name are one, as badly off as the worst of them. */
const observeHealth = (meter: Meter, terms: readonly MeasuredTerm[]): (() => void) => {
	const ends = GAUGES.map(([{ name, unit, description }, family]) => {
		const gauge: ObservableGauge = meter.createObservableGauge(name, { unit, description })
		const observe = (result: ObservableResult): void => {
			const healths = new Map<string, Health[]>()
			for (const term of terms) healths.set(term.name, [...(healths.get(term.name) ?? []), term.health()])
			const [, samples = []] = readGauges(healths).find(([one]) => one === family) ?? []
			for (const { labels, value } of samples) result.observe(value, { [A.name[0]]: labels[0]?.[1] })
		}
		gauge.addCallback(observe)
		return () => gauge.removeCallback(observe)
	})
	return () => {
		for (const end of ends) end()
	}
}
