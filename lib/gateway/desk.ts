import type { ConfigDb, ConfigItem } from '../config/config-db.ts'
import type { FailureQuery } from '../config/receive/failures.ts'
import type { ServiceConfig } from '../config/push-config.ts'
import type { ConfigReceiver } from '../config/receive/receiver.ts'
import type { Clock } from '../core/clock.ts'
import type { Answer, PullAnswer } from './answers.ts'
import type { Audit, AuditEntry } from './audit.ts'
import type { GatewayMetrics } from './gateway-metrics.ts'
import { packageVersion } from './package-version.ts'
import type { Pulls } from './pulls.ts'
import type { Call } from './route.ts'
import type { Streaming } from './stream/streaming.ts'

/** What the gateway's routes stand on. */
export interface Desk<Item extends ConfigItem> {
	readonly db: ConfigDb<Item, ServiceConfig>
	readonly receiver: ConfigReceiver<Item>
	readonly metrics: GatewayMetrics
	/** `undefined`: none is served. */
	readonly streaming: Streaming<Item> | undefined
	/** Whether there are some who need no token. */
	readonly anonymous: boolean
	/** Whether the database has been opened. */
	isOpen(): boolean
	/** Enters a write into the audit log: who it was and from where is known from the call. */
	record(call: Call, entry: Omit<AuditEntry, 'at' | 'who' | 'address'>): void
	pulls(): readonly PullAnswer[]
	/** `undefined` where this service is not pulled. */
	pull(service: string, force: boolean): Promise<Answer<'PullOutcome'> | undefined>
	failures(query: FailureQuery): Answer<'Failures'>
	gateway(): Answer<'Status'>['gateway']
	readiness(): Answer<'Readiness'>
	metricsText(): string
}

/** Where a gateway is in its life. */
export class Lifecycle {
	state: 'idle' | 'starting' | 'open' | 'closing' = 'idle'
	/** When the database was open, in milliseconds since the Unix epoch. */
	startedAt: number | undefined
	#pullsTried = false

	/** A service that is pushed later, and has not been pulled yet, makes us no less ready. */
	readiness(pulls: Pulls): Answer<'Readiness'> {
		const isOpen = this.state === 'open'
		this.#pullsTried ||= isOpen && pulls.tried
		const status = this.state === 'closing' ? 'closing' : isOpen && this.#pullsTried ? 'ready' : 'starting'
		return { status, database: this.startedAt !== undefined, pulls: this.#pullsTried }
	}
}

export interface DeskParts<Item extends ConfigItem> {
	readonly db: ConfigDb<Item, ServiceConfig>
	readonly receiver: ConfigReceiver<Item>
	readonly pulls: Pulls
	readonly metrics: GatewayMetrics
	readonly streaming: Streaming<Item> | undefined
	readonly life: Lifecycle
	readonly anonymous: boolean
	readonly audit: Audit
	readonly clock: Clock
	readonly connections: () => number
	readonly inFlight: () => number
	readonly bodies: () => number
}

export const makeDesk = <Item extends ConfigItem>(parts: DeskParts<Item>): Desk<Item> => {
	const { db, receiver, pulls, metrics, streaming, life, anonymous, audit, clock } = parts
	return {
		...{ db, receiver, metrics, streaming, anonymous },
		isOpen: () => life.startedAt !== undefined,
		record: ({ identity, address }, entry) =>
			audit({ at: clock.now(), who: identity?.name ?? 'anonymous', address, ...entry }),
		pulls: () => pulls.status(),
		pull: (service, force) => pulls.pull(service, force),
		failures: query => {
			const { limit: _, order: __, ...filter } = query
			const records = receiver.failures.list(query)
			return {
				failures: records.map(record => ({ ...record, reasons: [...record.reasons] })),
				total: receiver.failures.count(filter),
			}
		},
		gateway: () => ({
			status: life.readiness(pulls).status,
			version: packageVersion(),
			...(life.startedAt !== undefined && { startedAt: life.startedAt }),
			items: db.size,
			connections: parts.connections(),
		}),
		readiness: () => life.readiness(pulls),
		metricsText: () =>
			metrics.text({
				services: db.services().length,
				items: db.size,
				failures: receiver.failures.count(),
				pulls: pulls.counts(),
				connections: parts.connections(),
				inFlight: parts.inFlight(),
				bodies: parts.bodies(),
				stream: streaming?.readings,
				ready: life.readiness(pulls).status === 'ready',
			}),
	}
}
