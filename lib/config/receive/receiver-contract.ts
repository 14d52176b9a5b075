import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../../core/logger.ts'
import type { Schema } from '../../core/standard-schema.ts'
import type { PushMessage } from '../channels.ts'
import type { ConfigDb, ConfigItem } from '../config-db.ts'
import type { FunConfig } from '../fun-config.ts'
import { PUSH_LIMITS, type ItemPolicy, type PushLimits } from './push-check.ts'
import type { ServiceConfig } from '../push-config.ts'

export interface ConfigReceiverOptions<Item extends ConfigItem = FunConfig> {
	/** Where configurations are stored. Opened by its owner before the first push, and closed after `close()`. */
	readonly db: ConfigDb<Item, ServiceConfig>
	/** Of one item, any Standard Schema; its output is what is stored. Default: that of `FunConfig`. */
	readonly schema?: Schema<Item> | undefined
	/** The operator's word on each item: `true`, or why it is refused. Asked of what its schema has let pass. */
	readonly policy?: ItemPolicy<Item> | undefined
	/** Throws `ORIGIN_REFUSED` for what the gateway must not pull from. Left out, a push may not ask to be pulled. */
	readonly pullPolicy?: ((service: ServiceConfig) => Promise<void> | void) | undefined
	readonly limits?: Partial<ReceiverLimits> | undefined
	/** How long checking one push may take, in milliseconds. Default 30 s. */
	readonly timeout?: number | undefined
	readonly clock?: Clock | undefined
	readonly logger?: Logger | undefined
}

export interface ReceiverLimits extends PushLimits {
	/** Items of all services together, beyond which no service may have more than it has. Default 1 000 000. */
	readonly maxItemsInAll: number
	/** Pushes of one service that may wait for the one under way. Default 64. */
	readonly maxWaitingPerService: number
	/** Pushes that may wait in all. Default 1 024. */
	readonly maxWaiting: number
	/** Failure records kept. Default 1 000. */
	readonly maxFailures: number
	/** For how long they are kept, in milliseconds. Default 24 h. */
	readonly failureTtl: number
}

/** How a push went. What was refused is no outcome but an error. */
export type PushOutcome =
	| {
			readonly status: 'accepted'
			readonly service: string
			readonly configVersion: string
			/** `undefined` where the service is new. */
			readonly previousVersion: string | undefined
			readonly revision: number
			/** How many items. */
			readonly added: number
			readonly changed: number
			readonly removed: number
	  }
	| {
			readonly status: 'skipped'
			readonly reason: 'version_matches'
			readonly service: string
			readonly configVersion: string
			readonly revision: number
	  }

export type Verification =
	| { readonly status: 'matched' }
	| { readonly status: 'mismatch'; readonly stored: string }
	| { readonly status: 'not_found' }

/** What a pull brings. */
export interface ReceivedConfig {
	readonly service: string
	readonly configVersion: string
	readonly items: readonly unknown[]
	readonly source: 'pull'
	/** Default: those that are stored; else those of `pull`. */
	readonly nodes?: readonly string[] | undefined
	/** Default: the registration that is stored, if any. */
	readonly pull?: ServiceConfig | undefined
	/** The node that it came from, for failure records. */
	readonly node?: string | undefined
	/** The revision that the pull began at, so that what was pushed meanwhile is `CONFLICT`. Default: whatever it is. */
	readonly expectedRevision?: number | undefined
	/** When its source published it, in milliseconds since the Unix epoch, where that is known. */
	readonly publishedAt?: number | undefined
	/** When it is aborted before this is being stored, nothing is. */
	readonly signal?: AbortSignal | undefined
}

export interface ReceiverStatus {
	readonly status: 'open' | 'closed'
	readonly services: number
	readonly items: number
	/** Pushes, pulls and deletions under way or waiting. */
	readonly underWay: number
	readonly accepted: number
	readonly skipped: number
	readonly rejected: number
	readonly failures: number
}

/** Named after the reference system's telemetry; on the diagnostics channels `remote-term:config.…`, too. */
export interface ReceiverEvents {
	push: PushMessage
	'push.skipped': PushMessage
	'push.rejected': PushMessage
}

export const RECEIVER_LIMITS: ReceiverLimits = Object.freeze({
	...PUSH_LIMITS,
	maxItemsInAll: 1_000_000,
	maxWaitingPerService: 64,
	maxWaiting: 1_024,
	maxFailures: 1_000,
	failureTtl: 86_400_000,
})
