import { RemoteTermError } from '../../core/errors.ts'
import { Emitter, type Listener } from '../../core/events.ts'
import { describe, invalid } from '../../core/options.ts'
import type { ItemRef } from '../config-db.ts'
import { HttpNodes } from '../http/nodes.ts'
import type { OriginPolicy } from './origin-policy.ts'
import { checkedOf, unmarked } from './pull-source.ts'
import { PullRoster, type RosterEntry } from './pull-roster.ts'
import { PullTelling } from './pull-telling.ts'
import { parsePullerOptions, type ConfigPullerOptions, type PullerSettings } from './puller-options.ts'
import type { PullEvents, PullResult, PullStatus, PullerStatus } from './puller-status.ts'
import { serviceConfig, type ServiceConfig } from '../push-config.ts'
import { Turns } from './turns.ts'

/**
 * Pulls services' configurations: those that pushes have registered (it follows the database for them), and those that
 * are added by hand. Each is a `RemoteTerm` of its own, with its own interval, backoff and jitter, and one timer; pulling
 * by hand joins the pull under way or begins one, and never adds a second chain.
 *
 * - Where the service has a version target it is asked first, and a version that is stored already is not pulled again:
 *   neither after a restart, nor after the push that brought it.
 * - What comes passes the receiver's gate, all or nothing. What is refused there changes nothing, its version is not
 *   recorded, and it is not downloaded again while the source still holds it (a look once an hour excepted).
 * - A list without items is refused. It deletes nothing.
 * - `start` waits for nobody. `stop` ends everything, and nothing is called back afterwards.
 */
export class ConfigPuller implements AsyncDisposable {
	readonly #settings: PullerSettings
	readonly #events: Emitter<PullEvents>
	readonly #roster: PullRoster
	readonly #turns: Turns
	readonly #http: HttpNodes
	/** Added before `start`. */
	readonly #wanted = new Map<string, ServiceConfig>()
	#state: PullerStatus['state'] = 'idle'
	#watch: Disposable | undefined
	#stopping: Promise<void> | undefined

	/** @throws `INVALID_OPTION`; `ORIGIN_REFUSED` where one of `services` may not be pulled. */
	constructor(options: ConfigPullerOptions) {
		this.#settings = parsePullerOptions(options)
		const { logger, lookup, maxParallel, policy, services, timeout } = this.#settings
		this.#events = new Emitter(logger)
		this.#turns = new Turns(maxParallel)
		this.#http = new HttpNodes(policy, { connections: maxParallel, connectTimeout: timeout, lookup })
		const tell = new PullTelling(this.#events)
		this.#roster = new PullRoster(this.#settings, { http: this.#http, turns: this.#turns, tell })
		for (const service of this.#admitted(services)) this.#wanted.set(service.service, service)
	}

	/** What the receiver should ask, too: its `pullPolicy` is `puller.policy.check`. */
	get policy(): OriginPolicy {
		return this.#settings.policy
	}

	/** Returns the function that removes the listener. A listener that throws is logged and harms nobody. */
	on<Name extends keyof PullEvents>(event: Name, listener: Listener<PullEvents[Name]>): () => void {
		return this.#events.on(event, listener)
	}

	/** Begins to pull, behind the caller's back. Calling it again does nothing. @throws `STOPPED` */
	start(): void {
		this.#assertNotStopped()
		if (this.#state === 'started') return
		this.#state = 'started'
		const { db } = this.#settings
		for (const service of this.#wanted.values()) this.#roster.follow(service)
		this.#wanted.clear()
		// First the watch: a change between the two is seen twice at worst.
		this.#watch = db.watch(change => {
			if (this.#state === 'started') this.#roster.change(change)
		})
		for (const record of db.services()) this.#roster.register(record, false)
	}

	/**
	 * Pulls now, or joins the pull under way: one service, or all of them. Never rejects for what happens on the way, which
	 * is a result with its error.
	 *
	 * @throws `INVALID_OPTION` for a service that is not pulled; `NOT_STARTED`, `STOPPED`.
	 */
	pull(service: string): Promise<PullResult>
	pull(): Promise<PullResult[]>
	async pull(service?: string): Promise<PullResult | PullResult[]> {
		this.#assertStarted()
		if (service !== undefined) return this.#entry(service).pulled.pull()
		return Promise.all([...this.#roster.entries.values()].map(({ pulled }) => pulled.pull()))
	}

	/** The same, with all forgotten that would keep it from pulling: the stored version, what was refused, backoff. */
	forcePull(service: string): Promise<PullResult>
	forcePull(): Promise<PullResult[]>
	async forcePull(service?: string): Promise<PullResult | PullResult[]> {
		this.#assertStarted()
		const forced = (name: string): Promise<PullResult> => {
			const { pulled, by } = this.#entry(name)
			return this.#roster.replace(pulled.service, by, { forced: true, fresh: false }).pull()
		}
		return service === undefined ? Promise.all([...this.#roster.entries.keys()].map(forced)) : forced(service)
	}

	/**
	 * Pulls these, too, from now on; one that is pulled already is pulled like this instead. All or none.
	 *
	 * @throws `INVALID_OPTION`, `ORIGIN_REFUSED`, `STOPPED`
	 */
	add(services: readonly ServiceConfig[]): void {
		this.#assertNotStopped()
		const admitted = this.#admitted(services)
		for (const service of admitted) {
			if (this.#state === 'idle') this.#wanted.set(service.service, service)
			else this.#roster.follow(service)
		}
	}

	/**
	 * Pulls this service no more, until it is added again or a push registers it again. What is stored stays. Returns
	 * whether it was pulled.
	 */
	delete(service: string): boolean {
		return this.#wanted.delete(service) || this.#roster.withdraw(service)
	}

	/** The services that are pulled. */
	getServices(): string[] {
		return [...this.#wanted.keys(), ...this.#roster.entries.keys()]
	}

	/** How a service is pulled; `undefined` where it is not. */
	getService(service: string): ServiceConfig | undefined {
		return this.#roster.entries.get(service)?.pulled.service ?? this.#wanted.get(service)
	}

	/** The version of what is stored of a service that is pulled. */
	getServiceVersion(service: string): string | undefined {
		return this.getService(service) && this.#settings.db.service(service)?.configVersion
	}

	/** The same of all of them, those without anything stored left out. */
	getAllVersions(): Map<string, string> {
		return new Map(
			this.getServices().flatMap((service): Array<[string, string]> => {
				const version = this.getServiceVersion(service)
				return version === undefined ? [] : [[service, version]]
			}),
		)
	}

	/** What is stored of a service, by request type and version. */
	getApiList(service: string): ItemRef[] {
		return this.#settings.db
			.items(service)
			.map(({ item: { requestType, version } }) => ({ requestType, version }))
	}

	status(): PullerStatus {
		return {
			state: this.#state,
			services: [...this.#roster.entries.values()].map(entry => this.#statusOf(entry)),
			waiting: this.#turns.waiting,
			notPulled: this.#roster.notPulled,
		}
	}

	/** Ends whatever is under way. Final and idempotent; what is stored stays. */
	stop(): Promise<void> {
		this.#stopping ??= this.#stop()
		return this.#stopping
	}

	[Symbol.asyncDispose](): Promise<void> {
		return this.stop()
	}

	async #stop(): Promise<void> {
		this.#state = 'stopped'
		this.#events.clear()
		this.#watch?.[Symbol.dispose]()
		this.#wanted.clear()
		await this.#roster.end()
		await this.#http.close()
	}

	#admitted(services: readonly ServiceConfig[]): ServiceConfig[] {
		const { maxServices, policy } = this.#settings
		if (!Array.isArray(services)) throw invalid('services', 'an array of services', services)
		const admitted = services.map((service: unknown, index) => checkedService(service, index))
		for (const service of admitted) policy.check(service)
		const all = new Set([...this.getServices(), ...admitted.map(({ service }) => service)])
		if (all.size > maxServices)
			throw invalid('services', `no more than ${maxServices} services in all (maxServices)`, all.size)
		return admitted
	}

	#entry(service: string): RosterEntry {
		const entry = this.#roster.entries.get(service)
		if (entry !== undefined) return entry
		throw new RemoteTermError('INVALID_OPTION', `Expected a service that is pulled, got ${describe(service)}`)
	}

	#statusOf({ by, pulled, nodes }: RosterEntry): PullStatus {
		const { service } = pulled.service
		const health = pulled.health()
		return {
			service,
			by,
			nodes: nodes.map(({ label }) => label),
			configVersion: this.#settings.db.service(service)?.configVersion,
			pulling: health.refreshing,
			nextPullAt: health.nextRefreshAt,
			lastSuccessAt: health.lastSuccessAt,
			consecutiveFailures: health.consecutiveFailures,
			failingSince: health.failingSince,
			lastError: pulled.lastError,
			refusedVersion:
				health.refusedVersion && (checkedOf(health.refusedVersion) ?? unmarked(health.refusedVersion)),
		}
	}

	#assertNotStopped(): void {
		if (this.#state === 'stopped') throw new RemoteTermError('STOPPED', 'The puller is stopped')
	}

	#assertStarted(): void {
		this.#assertNotStopped()
		if (this.#state === 'idle') throw new RemoteTermError('NOT_STARTED', 'Expected the puller to be started')
	}
}

const checkedService = (service: unknown, index: number): ServiceConfig => {
	const parsed = serviceConfig.safeParse(service)
	if (parsed.success) return parsed.data
	const issues = parsed.error.issues.map(({ path, message }) => ({
		path: ['services', index, ...path.map(one => (typeof one === 'symbol' ? String(one) : one))],
		message,
	}))
	const list = issues.map(({ path, message }) => `/${path.join('/')}: ${message}`).join('; ')
	throw new RemoteTermError('INVALID_OPTION', `Expected a service to be pulled: ${list}`, { issues })
}
