import { systemClock, untilAborted, type Clock } from '../../core/clock.ts'
import { asRemoteTermError, RemoteTermError } from '../../core/errors.ts'
import { Emitter, type Listener } from '../../core/events.ts'
import { consoleLogger, safeLogger } from '../../core/logger.ts'
import { invalid, onlyKnownOptions, positive, positiveInteger } from '../../core/options.ts'
import type { Schema } from '../../core/standard-schema.ts'
import { TimeLimit } from '../../core/time-limit.ts'
import { publishableError } from '../../term/publishable-error.ts'
import { pushChannels, type PushMessage } from '../channels.ts'
import type { ConfigDb, ConfigItem } from '../config-db.ts'
import { storeCandidate, unlessStored, type CandidateFor, type Decide } from './decision.ts'
import { FailureLog } from './failures.ts'
import { funConfig, type FunConfig } from '../fun-config.ts'
import { checkPush, type CheckedPush, type ItemPolicy } from './push-check.ts'
import { toServiceConfig, type PushConfig, type ServiceConfig } from '../push-config.ts'
import {
	RECEIVER_LIMITS,
	type ConfigReceiverOptions,
	type PushOutcome,
	type ReceivedConfig,
	type ReceiverEvents,
	type ReceiverLimits,
	type ReceiverStatus,
	type Verification,
} from './receiver-contract.ts'
import { claimsOf, recordRejection } from './rejections.ts'
import { ServiceQueue } from './service-queue.ts'

interface Admission extends Pick<ReceivedConfig, 'node' | 'expectedRevision' | 'signal'> {
	readonly config: unknown
	readonly source: 'push' | 'pull'
	readonly forced: boolean
}

/**
 * The one door through which configurations come into a `ConfigDb`: everything is checked first, then all of it is
 * stored in one transaction: items, vanished items, version and pull registration. Or nothing has changed.
 */
export class ConfigReceiver<Item extends ConfigItem = FunConfig> {
	/** What was refused lately. Bounded, and kept for a day. */
	readonly failures: FailureLog
	readonly #db: ConfigDb<Item, ServiceConfig>
	readonly #schema: Schema<Item>
	readonly #policy: ItemPolicy<Item> | undefined
	readonly #pullPolicy: ((service: ServiceConfig) => Promise<void> | void) | undefined
	readonly #limits: ReceiverLimits
	readonly #timeout: number
	readonly #clock: Clock
	readonly #events: Emitter<ReceiverEvents>
	readonly #queue: ServiceQueue
	readonly #closing = new AbortController()
	readonly #counts = { accepted: 0, skipped: 0, rejected: 0 }
	#closed: Promise<void> | undefined

	/** @throws `INVALID_OPTION` */
	constructor(options: ConfigReceiverOptions<Item>) {
		onlyKnownOptions('ConfigReceiver', options, [
			...['db', 'schema', 'policy', 'pullPolicy', 'limits', 'timeout', 'clock', 'logger'],
		])
		const { db, schema, policy, pullPolicy, limits = {}, timeout = 30_000 } = options
		const { clock = systemClock, logger = consoleLogger } = options
		if (typeof db?.commit !== 'function') throw invalid('db', 'a ConfigDb', db)
		if (schema !== undefined && typeof schema?.['~standard']?.validate !== 'function') {
			throw invalid('schema', 'a Standard Schema', schema)
		}
		onlyKnownOptions('limits', limits, Object.keys(RECEIVER_LIMITS))
		for (const [name, value] of Object.entries(limits)) positiveInteger(`limits.${name}`, value)
		this.#limits = { ...RECEIVER_LIMITS, ...limits }
		this.#db = db
		// Without a schema of one's own, the type parameter is FunConfig.
		this.#schema = schema ?? (funConfig as unknown as Schema<Item>)
		this.#policy = policy
		this.#pullPolicy = pullPolicy
		this.#timeout = positive('timeout', timeout)
		this.#clock = clock
		this.#events = new Emitter(safeLogger(logger))
		this.#queue = new ServiceQueue({
			perService: this.#limits.maxWaitingPerService,
			inAll: this.#limits.maxWaiting,
		})
		this.failures = new FailureLog(clock, {
			ttl: this.#limits.failureTtl,
			max: this.#limits.maxFailures,
		})
	}

	/**
	 * Takes a service's whole configuration: items that are not in it vanish. One of the version that is stored is
	 * skipped; a lower one is refused where both versions are semantic; `force` overrides both.
	 *
	 * @param config a `PushConfig`; anything may be handed in
	 * @throws `VALIDATION_FAILED` with every fault in `issues`, `DOWNGRADE_REFUSED`, `ORIGIN_REFUSED`, `TOO_LARGE`
	 * beyond `maxItemsInAll`, `DATABASE_FAILED`, `CONFLICT` where too many others push the same service, `TIMEOUT`, `STOPPED`. Nothing has changed then.
	 */
	async push(
		config: unknown,
		{ force = false }: { readonly force?: boolean | undefined } = {},
	): Promise<PushOutcome> {
		return this.#admit(
			{ config, source: 'push', forced: force },
			async signal => {
				const { envelope, items } = await this.#check(config, signal)
				const pull = toServiceConfig(envelope)
				if (pull !== undefined) await this.#checkOrigin(pull)
				const { service, configVersion, nodes } = envelope
				return () => ({ service, configVersion, nodes, items, pull, source: 'push' })
			},
			force ? () => 'store' : unlessStored,
		)
	}

	/**
	 * The same gate for what a puller brings: all items are checked, and all are stored or none. Whether the version is
	 * worth a pull has been decided by the puller, so nothing is skipped, and the source may go back.
	 *
	 * @throws like `push`
	 */
	async receive(received: ReceivedConfig): Promise<Extract<PushOutcome, { status: 'accepted' }>> {
		const { service, configVersion, source, node, expectedRevision, publishedAt, signal } = received
		const outcome = await this.#admit(
			{ config: received, source, forced: false, node, expectedRevision, signal },
			async limit => {
				const { nodes: stored, pull } = this.#db.service(service) ?? {}
				const nodes = received.nodes ?? stored ?? (received.pull ?? pull)?.nodes
				const config = { service, nodes, configVersion, items: received.items }
				const { envelope, items } = await this.#check(config, limit)
				// What is not said stays as it is when this is stored, not as it was when it was checked.
				return record => ({
					...{ service, configVersion, items, source, publishedAt },
					nodes: received.nodes ?? record?.nodes ?? envelope.nodes,
					pull: received.pull ?? record?.pull,
				})
			},
			() => 'store',
		)
		return outcome as Extract<PushOutcome, { status: 'accepted' }>
	}

	/** Whether this version of the service's configuration is the one that is stored. */
	verify(service: string, configVersion: string): Verification {
		const record = this.#db.service(service)
		if (record === undefined) return { status: 'not_found' }
		return record.configVersion === configVersion
			? { status: 'matched' }
			: { status: 'mismatch', stored: record.configVersion }
	}

	/** What is stored of a service, in the form of a push; `undefined` for an unknown one. */
	getPushedConfig(service: string): PushConfig<Item> | undefined {
		const record = this.#db.service(service)
		if (record === undefined) return undefined
		const { configVersion, nodes, pull } = record
		return {
			...pull,
			...{ service, nodes: [...nodes], configVersion },
			items: this.#db.items(service).map(({ item }) => item),
		}
	}

	/** Every service that is stored, with the version of its configuration. */
	getAllPushedServices(): ReadonlyMap<string, string> {
		return new Map(this.#db.services().map(({ service, configVersion }) => [service, configVersion]))
	}

	/**
	 * Deletes a service's items, its record, its pull registration and the operator's flags, in one transaction.
	 *
	 * @throws `DATABASE_FAILED`, `CONFLICT`, `STOPPED`
	 */
	async deletePushedService(
		service: string,
	): Promise<{ readonly status: 'deleted' | 'not_found'; readonly removed: number }> {
		this.#refuseClosed()
		const change = await this.#queue.run(service, () => this.#db.delete(service))
		return change === undefined
			? { status: 'not_found', removed: 0 }
			: { status: 'deleted', removed: change.removed.length }
	}

	status(): ReceiverStatus {
		return {
			status: this.#closed === undefined ? 'open' : 'closed',
			services: this.#db.services().length,
			items: this.#db.size,
			underWay: this.#queue.size,
			...this.#counts,
			failures: this.failures.count(),
		}
	}

	/** Returns the function that removes the listener again. */
	on<Name extends keyof ReceiverEvents>(name: Name, listener: Listener<ReceiverEvents[Name]>): () => void {
		return this.#events.on(name, listener)
	}

	/**
	 * Takes nothing more. What waits or is being checked is rejected with `STOPPED`; what is being stored is waited for.
	 * The database stays open: it is not ours.
	 */
	close(): Promise<void> {
		this.#closed ??= this.#close()
		return this.#closed
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.close()
	}

	async #close(): Promise<void> {
		this.#closing.abort(new RemoteTermError('STOPPED', 'The receiver has been closed'))
		await this.#queue.close()
		this.#events.clear()
	}

	#refuseClosed(): void {
		if (this.#closed !== undefined) throw new RemoteTermError('STOPPED', 'The receiver has been closed')
	}

	#check(config: unknown, signal: AbortSignal): Promise<CheckedPush<Item>> {
		return checkPush(config, {
			schema: this.#schema,
			policy: this.#policy,
			limits: this.#limits,
			signal,
		})
	}

	async #checkOrigin(pull: ServiceConfig): Promise<void> {
		if (this.#pullPolicy === undefined) {
			throw new RemoteTermError('ORIGIN_REFUSED', 'This gateway pulls from nowhere that a push names')
		}
		try {
			await this.#pullPolicy(pull)
		} catch (error) {
			throw asRemoteTermError(
				error,
				'ORIGIN_REFUSED',
				message => `Service ${pull.service} must not be pulled from there: ${message}`,
			)
		}
	}

	/** One push or pull, from its turn in the service's queue until everybody is told how it went. */
	async #admit(
		admission: Admission,
		check: (signal: AbortSignal) => Promise<CandidateFor<Item>>,
		decide: Decide<Item>,
	): Promise<PushOutcome> {
		this.#refuseClosed()
		const { config, source, forced, node } = admission
		const startedAt = this.#clock.monotonic()
		const claims = claimsOf(config)
		const told = (): Omit<PushMessage, 'revision' | 'error'> => ({
			...claims,
			...{ source, forced, durationMs: this.#clock.monotonic() - startedAt },
		})
		const work = async (): Promise<PushOutcome> => {
			const candidateFor = await this.#limited(check)
			const { maxItemsInAll } = this.#limits
			return storeCandidate(this.#db, claims.service!, candidateFor, decide, { ...admission, maxItemsInAll })
		}
		try {
			// What has no name is refused by the check, and has no queue to wait in.
			const outcome = await (claims.service === undefined ? work() : this.#queue.run(claims.service, work))
			this.#counts[outcome.status]++
			this.#tell(outcome.status, { ...told(), revision: outcome.revision })
			return outcome
		} catch (thrown) {
			const error = asRemoteTermError(
				thrown,
				'VALIDATION_FAILED',
				message => `The configuration could not be checked: ${message}`,
			)
			if (error.code !== 'STOPPED') {
				this.#counts.rejected++
				recordRejection(this.failures, { config, error, source, node })
				this.#tell('rejected', { ...told(), error: publishableError(error) })
			}
			throw error
		}
	}

	/** Checking runs code of the user's, which may never return. Storing is not interrupted: it has its own limits. */
	async #limited<Result>(check: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
		using limit = new TimeLimit(this.#clock, this.#timeout, {
			error: () =>
				new RemoteTermError('TIMEOUT', `The configuration was not checked within ${this.#timeout} ms`),
			outer: [this.#closing.signal],
		})
		return await untilAborted(check(limit.signal), limit.signal)
	}

	#tell(how: keyof typeof pushChannels, message: PushMessage): void {
		if (this.#closed !== undefined) return
		const to = pushChannels[how]
		if (to.hasSubscribers) to.publish(message)
		this.#events.emit(how === 'accepted' ? 'push' : `push.${how}`, message)
	}
}
