import { isDeepStrictEqual } from 'node:util'
import { RemoteTermError } from '../../core/errors.ts'
import type { ConfigChange, ServiceRecord } from '../config-db.ts'
import { nodesOf, type HttpNodes } from '../http/nodes.ts'
import type { PullNode } from './pull-nodes.ts'
import type { PullTelling } from './pull-telling.ts'
import { PulledService } from './pulled-service.ts'
import type { PullerSettings } from './puller-options.ts'
import type { PullStatus } from './puller-status.ts'
import type { ServiceConfig } from '../push-config.ts'
import type { Turns } from './turns.ts'

export interface RosterEntry {
	readonly by: PullStatus['by']
	readonly pulled: PulledService
	readonly nodes: readonly PullNode[]
}

export interface RosterCrew {
	readonly http: HttpNodes
	readonly turns: Turns
	readonly tell: PullTelling
}

/** Who is pulled: at most one entry for each service, which is one term and one timer. */
export class PullRoster {
	readonly entries = new Map<string, RosterEntry>()
	/** Of what may not be pulled, why. */
	readonly #refused = new Map<string, RemoteTermError>()
	/** Not pulled any more by the operator's word, until a push or the operator says otherwise. */
	readonly #withdrawn = new Set<string>()
	/** Registered while all places were taken, the first to come first. Names of what the database holds. */
	readonly #waiting = new Set<string>()
	readonly #settings: PullerSettings
	readonly #crew: RosterCrew
	readonly #ending = new Set<Promise<void>>()

	constructor(settings: PullerSettings, crew: RosterCrew) {
		this.#settings = settings
		this.#crew = crew
	}

	/** Registered and not pulled: what may not be, and what waits for a place. As many of each as are pulled at most. */
	get notPulled(): Map<string, RemoteTermError> {
		const { maxServices } = this.#settings
		const all = new Map(this.#refused)
		if (this.#waiting.size === 0) return all
		const error = new RemoteTermError(
			'INVALID_OPTION',
			`Waits for a free place: there are ${maxServices} services already (maxServices)`,
		)
		for (const service of [...this.#waiting].slice(0, maxServices)) all.set(service, error)
		return all
	}

	/** A service has changed in the database, whoever did it. */
	change({ kind, record, service }: ConfigChange<ServiceConfig>): void {
		if (kind === 'deleted') {
			this.#refused.delete(service)
			this.#withdrawn.delete(service)
			this.#waiting.delete(service)
			this.drop(service)
			this.#fill()
		} else if (kind === 'committed' && record !== undefined) {
			this.register(record, record.source === 'push')
			this.#fill()
		}
	}

	/**
	 * What the database says about a service counts, unless the operator has said otherwise.
	 *
	 * @param fresh Its configuration has just come with a push, so there is no hurry to pull it.
	 */
	register({ service, pull, source }: ServiceRecord<ServiceConfig>, fresh: boolean): void {
		const { logger, maxServices, policy } = this.#settings
		const entry = this.entries.get(service)
		if (entry?.by === 'operator') return
		if (source === 'push') this.#withdrawn.delete(service)
		else if (this.#withdrawn.has(service)) return
		this.#refused.delete(service)
		if (entry === undefined && pull !== undefined && this.#isFull) this.#waiting.add(service)
		else this.#waiting.delete(service)
		if (pull === undefined) {
			this.drop(service)
			return
		}
		try {
			policy.check(pull)
		} catch (error) {
			this.#waiting.delete(service)
			this.drop(service)
			if (this.#refused.size < maxServices) this.#refused.set(service, error as RemoteTermError)
			logger.warn(`${service} is registered to be pulled, and must not be`, { service, error })
			return
		}
		if (this.#waiting.has(service)) {
			logger.warn(`${service} is registered to be pulled, and waits for a free place`, {
				service,
				maxServices,
			})
			return
		}
		// What was refused may be right after this push.
		const refused = source === 'push' && entry?.pulled.health().refusedVersion !== undefined
		if (entry !== undefined && !refused && isDeepStrictEqual(entry.pulled.service, pull)) return
		this.replace(pull, 'push', { fresh, forced: false })
	}

	/** What the operator wants pulled. */
	follow(service: ServiceConfig): void {
		this.#refused.delete(service.service)
		this.#withdrawn.delete(service.service)
		this.#waiting.delete(service.service)
		this.replace(service, 'operator', { fresh: false, forced: false })
	}

	/** Ends the entry that is there, if any, and begins a new one that knows nothing of it. */
	replace(
		service: ServiceConfig,
		by: PullStatus['by'],
		{ fresh, forced }: { readonly fresh: boolean; readonly forced: boolean },
	): PulledService {
		const { http, tell, turns } = this.#crew
		const settings = this.#settings
		const name = service.service
		const timeout = Math.min(service.timeout ?? settings.timeout, settings.maxTimeout)
		const refreshInterval = Math.max(
			service.refreshInterval ?? settings.refreshInterval,
			settings.minRefreshInterval,
		)
		const nodes = nodesOf(service, timeout, settings, http)
		this.drop(name)
		const pulled = new PulledService({
			...{ ...settings, service, nodes, turns, fresh, forced, refreshInterval, timeout },
			stored: () => settings.db.service(name),
			onStart: startedAt => tell.began(name, startedAt),
			onEnd: (result, startedAt) => tell.ended(result, startedAt),
		})
		this.entries.set(name, { by, pulled, nodes })
		pulled.start()
		return pulled
	}

	/** What the operator does not want pulled any more. A pull of it that is just being stored does not bring it back. */
	withdraw(service: string): boolean {
		this.#refused.delete(service)
		const wasWaiting = this.#waiting.delete(service)
		const wasThere = this.drop(service)
		if ((wasThere || wasWaiting) && this.#settings.db.service(service)?.pull !== undefined)
			this.#withdrawn.add(service)
		if (wasThere) this.#fill()
		return wasThere
	}

	/** Returns whether it was there. */
	drop(service: string): boolean {
		const entry = this.entries.get(service)
		if (entry === undefined) return false
		this.entries.delete(service)
		const ending = entry.pulled.stop({ quietly: false }).finally(() => this.#ending.delete(ending))
		this.#ending.add(ending)
		return true
	}

	get #isFull(): boolean {
		return this.entries.size >= this.#settings.maxServices
	}

	/** Gives the places that have become free to those who wait for one. */
	#fill(): void {
		for (const service of this.#waiting) {
			if (this.#isFull) return
			this.#waiting.delete(service)
			const record = this.#settings.db.service(service)
			if (record !== undefined) this.register(record, false)
		}
	}

	/** Ends all of them at once, without a word; resolves when they have. */
	async end(): Promise<void> {
		const stopped = [...this.entries.values()].map(({ pulled }) => pulled.stop({ quietly: true }))
		this.entries.clear()
		await Promise.allSettled([...stopped, ...this.#ending])
	}
}
