import { RemoteTermError } from '../../core/errors.ts'
import { invalid, nonEmptyString, onlyKnownOptions, positiveInteger } from '../../core/options.ts'
import { Announcement } from './announcement.ts'
import { pushOutcomeOf, verificationOf } from './gateway-answers.ts'
import { isName, NAME_EXPECTED } from '../names.ts'
import type { PushConfig } from '../push-config.ts'
import { parsePusherOptions, type ConfigPusherOptions, type PusherSettings } from './pusher-options.ts'
import type { GatewayClient } from '../http/gateway-client.ts'
import type { PushOutcome, Verification } from '../receive/receiver-contract.ts'

export interface PushOptions {
	/** Also where the gateway has this version, or a higher one. Default: false. */
	readonly force?: boolean | undefined
	readonly signal?: AbortSignal | undefined
}

export interface PushOnStartupOptions extends PushOptions {
	/** How many attempts in a row may fail before the first acceptance. Default: no limit. */
	readonly maxAttempts?: number | undefined
}

/** All of a push but what it is about. */
export type PushExtras = Omit<PushConfig<unknown>, 'service' | 'nodes' | 'items'>

/**
 * Tells a gateway about a service's configuration, over HTTP.
 *
 * ```ts
 * const pusher = new ConfigPusher({ url: 'https://gateway.example.com', token: () => readToken() })
 * pusher.pushOnStartup({ service: 'orders', configVersion: '1.4.0', nodes: ['https://orders.example.com'], items })
 * ```
 *
 * What the gateway refuses is an error with the gateway's own code: `VALIDATION_FAILED` with all faults in `issues`,
 * `DOWNGRADE_REFUSED`, `ORIGIN_REFUSED`, `CONFLICT`, `TOO_LARGE`; `FETCH_DENIED` for a token that is not good enough;
 * `FETCH_THROTTLED`, with `retryAfter`; `FETCH_FAILED`, `FETCH_TIMEOUT` and `FETCH_STATUS` for what lies in between.
 */
export class ConfigPusher implements AsyncDisposable {
	readonly #settings: PusherSettings
	readonly #announcements = new Map<string, Announcement>()
	#client: Promise<GatewayClient> | undefined
	#closing: Promise<void> | undefined

	/** Nothing is connected before the first request. @throws `INVALID_OPTION` */
	constructor(options: ConfigPusherOptions) {
		this.#settings = parsePusherOptions(options)
	}

	/**
	 * A push out of its parts, checked as far as that can be done without the gateway.
	 *
	 * @throws `INVALID_OPTION` where there is no `configVersion`, no node or no item.
	 */
	static fromServiceConfig<Item>(
		service: string,
		nodes: readonly string[],
		items: readonly Item[],
		options: PushExtras,
	): PushConfig<Item> {
		if (typeof options !== 'object' || options === null) throw invalid('options', 'an object', options)
		onlyKnownOptions('fromServiceConfig', options, [
			...['configVersion', 'target', 'args', 'versionTarget', 'versionArgs', 'refreshInterval', 'timeout'],
		])
		nonEmptyString('configVersion', options.configVersion)
		return {
			...options,
			service: checkedName(service),
			nodes: nonEmptyList('nodes', nodes),
			items: nonEmptyList('items', items),
		}
	}

	/**
	 * One attempt.
	 *
	 * @throws `INVALID_OPTION` for what has no service or version, `STOPPED`, and what the class says.
	 */
	async push<Item>(config: PushConfig<Item>, options: PushOptions = {}): Promise<PushOutcome> {
		const { service } = checkedConfig(config)
		const client = await this.#open()
		const { encodeBody } = await import('../http/request-body.ts')
		const body = await encodeBody(config, this.#settings)
		const answer = await client.ask({
			method: 'PUT',
			path: pathOf(service),
			query: options.force === true ? { force: 'true' } : {},
			body,
			signal: options.signal,
		})
		const outcome = pushOutcomeOf(answer)
		// Somebody else's answer, with another service's name: a proxy's cache, or a server that is no gateway.
		if (outcome === undefined || outcome.service !== service) throw noAnswer('a push', service)
		return outcome
	}

	/**
	 * Whether this version is the one that the gateway has.
	 *
	 * @throws like `push`
	 */
	async verify(
		service: string,
		configVersion: string,
		{ signal }: Pick<PushOptions, 'signal'> = {},
	): Promise<Verification> {
		const path = `${pathOf(checkedName(service))}/verify`
		const query = { version: nonEmptyString('configVersion', configVersion) }
		const client = await this.#open()
		// A 404 of its own says that the service is unknown; any other one, that there is no gateway.
		const expects = (status: number, value: unknown): boolean =>
			status === 404 && verificationOf(value) !== undefined
		const answer = await client.ask({ method: 'GET', path, query, expects, signal })
		const verification = verificationOf(answer)
		if (verification === undefined) throw noAnswer('verify', service)
		return verification
	}

	/**
	 * Asks whether the gateway has this version; pushes it where it has not; tries again, with backoff and jitter, until it
	 * is accepted; and looks every `verifyInterval` whether the gateway has forgotten, in which case it is pushed again.
	 * A refusal that will hardly change is logged once, and tried again on a slow curve. Returns at once: a service starts
	 * whether its gateway is there or not. A second one for the same service replaces the first.
	 *
	 * @throws `INVALID_OPTION`, `STOPPED`
	 */
	pushOnStartup<Item>(config: PushConfig<Item>, options: PushOnStartupOptions = {}): Announcement {
		onlyKnownOptions('pushOnStartup', options, ['force', 'signal', 'maxAttempts'])
		const { service, configVersion } = checkedConfig(config)
		const { force, maxAttempts, signal } = options
		if (maxAttempts !== undefined) positiveInteger('maxAttempts', maxAttempts)
		this.#assertOpen()
		void this.#announcements.get(service)?.stop()
		const announcement = new Announcement(this.#settings, {
			service,
			configVersion,
			maxAttempts: maxAttempts ?? Infinity,
			signal,
			verify: inner => this.verify(service, configVersion, { signal: inner }),
			push: (inner, again) => this.push(config, { force: force === true && !again, signal: inner }),
		})
		this.#announcements.set(service, announcement)
		return announcement
	}

	/** What is announced now, by service. */
	get announcements(): ReadonlyMap<string, Announcement> {
		return this.#announcements
	}

	/** Ends all announcements and whatever is under way. Final and idempotent. */
	close(): Promise<void> {
		this.#closing ??= this.#close()
		return this.#closing
	}

	[Symbol.asyncDispose](): Promise<void> {
		return this.close()
	}

	async #close(): Promise<void> {
		const stopped = [...this.#announcements.values()].map(one => one.stop())
		const client = await this.#client?.catch(() => undefined)
		await Promise.all([...stopped, client?.close()])
	}

	async #open(): Promise<GatewayClient> {
		this.#assertOpen()
		this.#client ??= this.#connect()
		const client = await this.#client
		this.#assertOpen()
		return client
	}

	async #connect(): Promise<GatewayClient> {
		const { GatewayClient } = await import('../http/gateway-client.ts')
		return new GatewayClient(this.#settings)
	}

	#assertOpen(): void {
		if (this.#closing !== undefined) throw new RemoteTermError('STOPPED', 'The pusher is closed')
	}
}

const pathOf = (service: string): string => `v1/services/${encodeURIComponent(service)}`

const checkedName = (service: unknown): string => {
	if (isName(service)) return service
	throw invalid('service', NAME_EXPECTED, service)
}

const checkedConfig = (config: unknown): { readonly service: string; readonly configVersion: string } => {
	if (typeof config !== 'object' || config === null) throw invalid('config', 'a PushConfig', config)
	const { service, configVersion } = config as { service?: unknown; configVersion?: unknown }
	return {
		service: checkedName(service),
		configVersion: nonEmptyString('configVersion', configVersion as string),
	}
}

const nonEmptyList = <One>(option: string, list: readonly One[]): One[] => {
	if (Array.isArray(list) && list.length > 0) return [...(list as readonly One[])]
	throw invalid(option, 'a list that is not empty', list)
}

const noAnswer = (what: string, service: string): RemoteTermError =>
	new RemoteTermError(
		'FETCH_STATUS',
		`Expected the gateway’s answer to ${what} of ${service}, got something else: is \`url\` right?`,
	)
