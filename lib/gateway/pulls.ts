import { createOriginPolicy, type OriginPolicy } from '../config/pull/origin-policy.ts'
import { ConfigPuller } from '../config/pull/puller.ts'
import type { ConfigPullerOptions } from '../config/pull/puller-options.ts'
import type { PullStatus } from '../config/pull/puller-status.ts'
import type { Clock } from '../core/clock.ts'
import type { RemoteTermError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { onlyKnownOptions } from '../core/options.ts'
import type { Answer, PullAnswer } from './answers.ts'

/** As those of `ConfigPuller`, which has their meaning and their defaults. */
export type PullOptions = Pick<
	ConfigPullerOptions,
	| 'services'
	| 'fetchers'
	| 'allowedOrigins'
	| 'allowedAddresses'
	| 'refreshInterval'
	| 'minRefreshInterval'
	| 'timeout'
	| 'maxTimeout'
	| 'backoff'
	| 'jitter'
	| 'maxParallel'
	| 'maxServices'
	| 'maxBytes'
	| 'maxInflatedBytes'
>

const KNOWN: ReadonlyArray<keyof PullOptions> = [
	...(['services', 'fetchers', 'allowedOrigins', 'allowedAddresses', 'refreshInterval'] as const),
	...(['minRefreshInterval', 'timeout', 'maxTimeout', 'backoff', 'jitter', 'maxParallel'] as const),
	...(['maxServices', 'maxBytes', 'maxInflatedBytes'] as const),
]

interface Surroundings {
	readonly db: ConfigPullerOptions['db']
	readonly receiver: ConfigPullerOptions['receiver']
	readonly policy: OriginPolicy
	readonly clock: Clock
	readonly random: () => number
	readonly logger: Logger
}

/** @throws `INVALID_OPTION` */
export const pullPolicyOf = ({
	allowedOrigins,
	allowedAddresses,
	fetchers = {},
}: PullOptions): OriginPolicy =>
	createOriginPolicy({ allowedOrigins, allowedAddresses, fetcherNames: Object.keys(fetchers) })

/** The puller, as the gateway's routes see it. */
export class Pulls {
	readonly #puller: ConfigPuller

	/** @throws `INVALID_OPTION`, `ORIGIN_REFUSED` */
	constructor(options: PullOptions, surroundings: Surroundings) {
		onlyKnownOptions('pull', options, KNOWN)
		const { allowedOrigins: _, allowedAddresses: __, ...rest } = options
		this.#puller = new ConfigPuller({ ...rest, ...surroundings })
	}

	start(): void {
		this.#puller.start()
	}

	stop(): Promise<void> {
		return this.#puller.stop()
	}

	/** Whether each service that is pulled has been tried, with whatever success. */
	get tried(): boolean {
		return this.#puller
			.status()
			.services.every(
				({ lastSuccessAt, lastError }) => lastSuccessAt !== undefined || lastError !== undefined,
			)
	}

	status(): readonly PullAnswer[] {
		const { services, notPulled } = this.#puller.status()
		return [
			...services.map(answerOf),
			...[...notPulled].map(([service, error]): PullAnswer => ({
				service,
				status: 'not_pulled',
				by: 'push',
				nodes: [],
				consecutiveFailures: 0,
				lastError: faultOf(error),
			})),
		]
	}

	counts(): Readonly<Record<string, number>> {
		const counts: Record<PullAnswer['status'], number> = {
			...{ waiting: 0, ok: 0, failing: 0, not_pulled: 0 },
		}
		for (const { status } of this.status()) counts[status]++
		return counts
	}

	async pull(service: string, force: boolean): Promise<Answer<'PullOutcome'> | undefined> {
		const puller = this.#puller
		if (puller.getService(service) === undefined) return undefined
		const { status, configVersion, error } = await (force ? puller.forcePull(service) : puller.pull(service))
		return {
			...{ service, status },
			...(configVersion !== undefined && { configVersion }),
			...(error !== undefined && { error: faultOf(error) }),
		}
	}
}

const faultOf = ({ code, message }: RemoteTermError): { code: string; message: string } => ({ code, message })

const answerOf = (status: PullStatus): PullAnswer => {
	const { service, by, nodes, configVersion, nextPullAt, lastSuccessAt, consecutiveFailures, lastError } =
		status
	return {
		...{ service, by, nodes: [...nodes], consecutiveFailures },
		status: consecutiveFailures > 0 ? 'failing' : lastSuccessAt === undefined ? 'waiting' : 'ok',
		...(configVersion !== undefined && { configVersion }),
		...(lastSuccessAt !== undefined && { lastSuccessAt }),
		...(nextPullAt !== undefined && { nextPullAt }),
		...(lastError !== undefined && { lastError: faultOf(lastError) }),
	}
}
