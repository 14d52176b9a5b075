import type { Clock } from '../../core/clock.ts'
import { RemoteTermError, type ErrorCode } from '../../core/errors.ts'
import type { Logger } from '../../core/logger.ts'
import type { Backoff } from '../../term/backoff.ts'
import type { PutInfo } from '../../term/events.ts'
import type { Health } from '../../term/health.ts'
import { baseRevision, refuseLagging, type Stored } from './pull-order.ts'
import type { PullReceiver } from './puller-options.ts'
import type { ServiceConfig } from '../push-config.ts'
import type { PullResult } from './puller-status.ts'
import type { PullNode } from './pull-nodes.ts'
import { PullSource, unmarked } from './pull-source.ts'
import { PullTerm } from './pull-term.ts'
import type { PulledDocument } from './pulled-document.ts'
import type { Turns } from './turns.ts'

export interface PulledServiceOptions {
	readonly service: ServiceConfig
	readonly nodes: readonly PullNode[]
	readonly receiver: PullReceiver
	readonly turns: Turns
	readonly stored: () => Stored | undefined
	readonly fresh: boolean
	readonly forced: boolean
	readonly refreshInterval: number
	readonly minRefreshInterval: number
	readonly timeout: number
	readonly recoverAfter: number
	readonly maxBytes: number
	readonly maxInflatedBytes: number
	readonly backoff: Backoff
	readonly jitter: number
	readonly clock: Clock
	readonly random: () => number
	readonly logger: Logger
	readonly onStart: (startedAt: number) => void
	/** For each `onStart` once, unless the puller itself is stopped first. */
	readonly onEnd: (result: PullResult, startedAt: number) => void
}

/** Faults of a body after its node had answered: another node may well do better. What the receiver refuses is none. */
const OF_ONE_NODE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
	...(['DESERIALIZE_FAILED', 'EMPTY_BODY', 'INFLATE_FAILED', 'DIGEST_MISMATCH'] as const),
	...([
		'FETCH_INCOMPLETE',
		'FETCH_FAILED',
		'FETCH_TIMEOUT',
		'TIMEOUT',
		'TOO_LARGE',
		'INFLATED_TOO_LARGE',
	] as const),
])

/** How long a pull may wait for its turn, on top of its own timeout. In milliseconds. */
const LONGEST_WAIT = 600_000

/** One service, one term, and so one timer. */
export class PulledService {
	readonly service: ServiceConfig
	readonly #options: PulledServiceOptions
	readonly #source: PullSource
	readonly #term: PullTerm
	#began: { readonly wall: number; readonly monotonic: number; readonly held: Stored | undefined } | undefined
	#last: PullResult | undefined
	#lastError: RemoteTermError | undefined
	/** Items that the receiver has taken since this pull began. */
	#received: number | undefined
	/** Another node is being asked already. */
	#again = false
	#stopping: Promise<void> | undefined

	constructor(options: PulledServiceOptions) {
		const { service, nodes, turns, stored, fresh, forced, clock, timeout, ...rest } = options
		this.service = service
		this.#options = options
		this.#source = new PullSource({
			service: service.service,
			nodes,
			clock,
			turns,
			timeout,
			recoverAfter: options.recoverAfter,
			stored,
			fresh,
			onBegin: () => this.#begin(),
		})
		this.#source.forced = forced
		const { backoff, jitter, logger, maxBytes, maxInflatedBytes, minRefreshInterval, random } = rest
		this.#term = new PullTerm(
			{
				fetcher: this.#source,
				name: `pull:${service.service}`,
				refreshInterval: rest.refreshInterval,
				minRefreshInterval,
				timeout: timeout + LONGEST_WAIT,
				lazyInit: true,
				// Kept in the database, not here; and its age is told by whoever asks, not by a timer more.
				history: 0,
				staleAfter: null,
				maxBytes,
				maxInflatedBytes,
				backoff,
				jitter,
				clock,
				random,
				logger,
			},
			(document, info) => this.#handOver(document, info),
		)
		this.#term.on('updated', () =>
			this.#end(this.#received === undefined ? this.#unchanged() : this.#updated(this.#received)),
		)
		this.#term.on('unchanged', () => this.#end(this.#unchanged()))
		this.#term.on('failed', ({ error }) => this.#fail(error))
	}

	start(): void {
		// Resolves at once, as the term is a lazy one; what fails is a failed pull.
		void this.#term.start()
	}

	/** Pulls now, or joins the pull under way. */
	async pull(): Promise<PullResult> {
		for (;;) {
			const before = this.#last
			const outcome = await this.#term.update()
			if (this.#stopping !== undefined)
				return this.#failed(outcome.error ?? new RemoteTermError('STOPPED', 'Stopped before it was pulled'))
			// What was known without asking is no pull; and another node may be asked at once.
			if (this.#last !== undefined && this.#last !== before && !this.#again) return this.#last
		}
	}

	health(): Health {
		return this.#term.health()
	}

	get lastError(): RemoteTermError | undefined {
		return this.#lastError
	}

	/** Ends at once; `quietly` without a word about the pull under way. */
	stop({ quietly }: { readonly quietly: boolean }): Promise<void> {
		this.#stopping ??= this.#stop(quietly)
		return this.#stopping
	}

	async #stop(quietly: boolean): Promise<void> {
		const { service } = this.service
		const stopped = this.#term.stop()
		this.#source.over()
		if (this.#began !== undefined && !quietly) {
			const error = new RemoteTermError('STOPPED', `${service} is not pulled any more`)
			this.#finish(this.#failed(error))
		}
		await stopped
		await this.#source.close()
	}

	#begin(): void {
		const { clock, onStart, stored } = this.#options
		const wall = clock.now()
		this.#began = { wall, monotonic: clock.monotonic(), held: stored() }
		this.#received = undefined
		onStart(wall)
	}

	#fail(error: RemoteTermError): void {
		// The receiver's own error, where it has one: a term calls it a failed put.
		const { cause } = error
		const said = error.code === 'PUT_FAILED' && cause instanceof RemoteTermError ? cause : error
		const another = OF_ONE_NODE.has(error.code) && this.#source.turnAway()
		this.#again = another
		this.#end(this.#failed(said))
		if (another) void this.#term.update()
	}

	#end(result: PullResult): void {
		if (result.status !== 'failed') {
			this.#again = false
			if (this.#began !== undefined) this.#source.forced = false
		}
		if (!this.#again) this.#source.beginRound()
		this.#source.over()
		this.#finish(result)
	}

	#finish(result: PullResult): void {
		const began = this.#began
		this.#began = undefined
		// Known without asking: nothing has begun, and so nothing has ended. A fault before the turn came is one.
		if (began === undefined && result.status !== 'failed') return
		this.#last = result
		this.#lastError = result.error ?? this.#lastError
		if (began !== undefined) this.#options.onEnd(result, began.wall)
	}

	/** The put of the term: to the receiver, unless it is known to have been there. */
	async #handOver(
		{ configVersion: own, items }: PulledDocument,
		{ version, signal }: PutInfo,
	): Promise<void> {
		if (items === undefined) return
		const { receiver, stored } = this.#options
		const { service, nodes, versionTarget } = this.service
		const { answeredBy, forced, publishedAt, told: checked } = this.#source
		const held = stored()
		// Without an answer about the version, what comes is taken under the version that is known.
		const keeps =
			own === undefined && versionTarget !== undefined && checked === undefined
				? held?.configVersion
				: undefined
		const configVersion = own ?? checked ?? keeps ?? unmarked(version!)
		if (own !== undefined && checked !== undefined && own !== checked) this.#source.doubt()
		if (configVersion === held?.configVersion && keeps === undefined && !forced) return
		if (held !== undefined && !forced) {
			// It has not moved since it was pulled; what has been pushed since is newer.
			if (held.source === 'push' && configVersion === held.pulledVersion) return
			refuseLagging(held, { service, configVersion, publishedAt, node: answeredBy })
		}
		if (signal.aborted) throw new RemoteTermError('STOPPED', `The pull of ${service} was given up`)
		await receiver.receive({
			service,
			configVersion,
			items,
			source: 'pull',
			// What a push has said about its nodes stays.
			nodes: held === undefined ? nodes : undefined,
			node: answeredBy?.label,
			// What was pushed or deleted since this pull began is newer than what it brings.
			expectedRevision: baseRevision(this.#began?.held, held),
			publishedAt,
			signal,
		})
		this.#received = items.length
	}

	#updated(count: number): PullResult {
		const { service } = this.service
		return {
			service,
			status: 'updated',
			configVersion: this.#options.stored()?.configVersion ?? '',
			count,
			durationMs: this.#elapsed(),
		}
	}

	#unchanged(): PullResult {
		const { service } = this.service
		return {
			service,
			status: 'unchanged',
			configVersion: this.#options.stored()?.configVersion,
			durationMs: this.#elapsed(),
		}
	}

	#failed(error: RemoteTermError): PullResult {
		const { service } = this.service
		return {
			service,
			status: 'failed',
			configVersion: this.#options.stored()?.configVersion,
			durationMs: this.#elapsed(),
			error,
		}
	}

	#elapsed(): number {
		return this.#began === undefined ? 0 : this.#options.clock.monotonic() - this.#began.monotonic
	}
}
