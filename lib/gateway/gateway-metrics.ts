import { monitorEventLoopDelay, type IntervalHistogram } from 'node:perf_hooks'
import type { PublisherStatus } from '../autoconfig/index.ts'
import { renderFamily, type Family, type Sample } from '../metrics/exposition.ts'
import { bounded, Histogram, Numbers } from '../metrics/instruments.ts'
import { createMetrics, type Metrics } from '../metrics/metrics.ts'
import { GATEWAY_FAMILIES } from './gateway-families.ts'
import { streamSamples } from './stream/stream-families.ts'

/** What is read at the moment of a scrape. */
export interface GatewayReadings {
	readonly services: number
	readonly items: number
	readonly failures: number
	readonly pulls: Readonly<Record<string, number>>
	readonly connections: number
	readonly inFlight: number
	readonly bodies: number
	/** `undefined`: no stream is served. */
	readonly stream: PublisherStatus | undefined
	readonly ready: boolean
}

export type Limit = 'token' | 'address'

const PREFIX = 'remote_term'
const MAX_CODES = 64

/** What the gateway does, and the terms that pull for it, for Prometheus. */
export class GatewayMetrics {
	readonly contentType: string
	readonly #terms: Metrics = createMetrics({ prefix: PREFIX })
	readonly #requests = new Numbers(GATEWAY_FAMILIES.requests)
	readonly #duration = new Histogram(GATEWAY_FAMILIES.duration)
	readonly #refusals = new Numbers(GATEWAY_FAMILIES.refusals)
	readonly #pushes = new Numbers(GATEWAY_FAMILIES.pushes)
	readonly #limited = new Numbers(GATEWAY_FAMILIES.limited)
	readonly #unauthenticated = new Numbers(GATEWAY_FAMILIES.unauthenticated)
	readonly #codeOf = bounded(MAX_CODES)
	readonly #loop: IntervalHistogram = monitorEventLoopDelay({ resolution: 10 })

	constructor() {
		this.contentType = this.#terms.contentType
		// A series that begins at 0 shows its first increase, too.
		for (const outcome of ['accepted', 'skipped', 'refused']) this.#pushes.add([outcome], 0)
		for (const limit of ['token', 'address']) this.#limited.add([limit], 0)
		this.#unauthenticated.add([], 0)
		this.#loop.enable()
	}

	/** @param route The pattern, not the path: so that whoever asks for what is not there makes no new series. */
	answered(route: string, method: string, status: number, ms: number): void {
		this.#requests.add([route, method, String(status)])
		this.#duration.observe([route], ms / 1_000)
	}

	refused(code: string): void {
		this.#refusals.add([this.#codeOf(code)])
	}

	pushed(outcome: 'accepted' | 'skipped' | 'refused'): void {
		this.#pushes.add([outcome])
	}

	limited(by: Limit): void {
		this.#limited.add([by])
	}

	unauthenticated(): void {
		this.#unauthenticated.add([])
	}

	text(readings: GatewayReadings): string {
		const one = (value: number): readonly Sample[] => [{ labels: [], value }]
		const gauges: ReadonlyArray<readonly [Family, readonly Sample[]]> = [
			[GATEWAY_FAMILIES.services, one(readings.services)],
			[GATEWAY_FAMILIES.items, one(readings.items)],
			[GATEWAY_FAMILIES.failures, one(readings.failures)],
			[
				GATEWAY_FAMILIES.pulls,
				Object.entries(readings.pulls).map(([status, value]) => ({ labels: [['status', status]], value })),
			],
			[GATEWAY_FAMILIES.connections, one(readings.connections)],
			[GATEWAY_FAMILIES.inFlight, one(readings.inFlight)],
			[GATEWAY_FAMILIES.bodies, one(readings.bodies)],
			[GATEWAY_FAMILIES.ready, one(Number(readings.ready))],
			[GATEWAY_FAMILIES.loopDelay, this.#loopDelay()],
			...(readings.stream === undefined ? [] : streamSamples(readings.stream)),
		]
		const counted = [
			this.#requests,
			this.#duration,
			this.#refusals,
			this.#pushes,
			this.#limited,
			this.#unauthenticated,
		].map(instrument => [instrument.family, instrument.samples()] as const)
		return (
			[...counted, ...gauges].map(([family, samples]) => renderFamily(PREFIX, family, samples)).join('') +
			this.#terms.text()
		)
	}

	close(): void {
		this.#loop.disable()
		this.#terms.close()
	}

	/** In nanoseconds inside, and not a number before the first measurement. */
	#loopDelay(): readonly Sample[] {
		const readings: ReadonlyArray<readonly [string, number]> = [
			['0.5', this.#loop.percentile(50)],
			['0.99', this.#loop.percentile(99)],
			['1', this.#loop.max],
		]
		const samples = readings
			.filter(([, value]) => Number.isFinite(value) && value < 1e15)
			.map(([quantile, value]) => ({ labels: [['quantile', quantile] as const], value: value / 1e9 }))
		this.#loop.reset()
		return samples
	}
}
