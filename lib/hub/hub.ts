import { RemoteTermError } from '../core/errors.ts'
import { Emitter } from '../core/events.ts'
import { invalid, notNegative } from '../core/options.ts'
import { Acquaintance } from './acquaintance.ts'
import { Crew } from './crew.ts'
import { Conversation } from './conversation.ts'
import { directiveKey, leftBy, MAX_LEFT, type Directive } from './directive.ts'
import { DirectiveStore } from './directive-store.ts'
import type { FleetServices, FleetTerm } from './fleet-term.ts'
import { FleetView, type Drift, type FleetNode, type FleetRun, type FleetTermSummary } from './fleet-view.ts'
import { FleetOperation } from './operation.ts'
import { Operations } from './operations.ts'
import { parseHubOptions, type HubOptions, type HubSettings } from './options.ts'
import { Publications } from './publications.ts'
import { Registry, type RegistryChange } from './registry.ts'
import { MAX_VERSION, rowKey, type DirectiveKind, type RunKind } from './rows.ts'

/** Something about the fleet is not as it was. Read what it is now. */
export type FleetChange =
	| { readonly kind: 'node-up' | 'node-down'; readonly node: string; readonly boot: string }
	/** A node says something new of what it runs. */
	| { readonly kind: 'runs'; readonly id: string }
	| { readonly kind: 'directive'; readonly directive: Directive }

const REFRESH_WINDOW = 10_000
const MINUTE = 60_000

/**
 * The fleet, as one of its nodes sees it: who runs which term, at which version, since when, and why not; and the place
 * from which any node can tell all of them to refresh, to pin, or to roll back.
 *
 * ```ts
 * const hub = await new Hub({ transport: await NatsTransport.connect(…), directory }).start()
 * hub.attach(rates)
 * await hub.synced()    // so that a pin is known before anything is fetched
 * await rates.start()
 * hub.whoRuns('rates')  // [{ node: 'web-1', version: '"a1"', status: 'ready', … }, …]
 * hub.drift()           // [{ node: 'web-7', name: 'rates', behind: 2, forMs: 90_000, … }]
 * await hub.pin('rates', '"a1"').settled()
 * ```
 *
 * - Every read is synchronous, from memory.
 * - A node alone says what it runs. What others know of it is a state that it was in, never older than what they knew
 *   before; nothing remains of an instance that is down, and its successor is another one.
 * - Directives are shared: the later one for the same thing wins, everywhere the same. They live as long as some node
 *   does, or its `directory`. Whoever comes later learns of them.
 */
export class Hub implements AsyncDisposable {
	readonly #settings: HubSettings
	readonly #registry: Registry
	readonly #publications = new Publications()
	readonly #crew: Crew
	readonly #view: FleetView
	readonly #conversation: Conversation
	readonly #acquaintance: Acquaintance
	readonly #store: DirectiveStore | undefined
	readonly #events: Emitter<{ change: FleetChange }>
	readonly #operations: Operations
	readonly #life = new AbortController()
	#phase: 'idle' | 'started' | 'stopped' = 'idle'
	#starting: Promise<this> | undefined
	#stopping: Promise<void> | undefined

	/** @throws `INVALID_OPTION` */
	constructor(options: HubOptions) {
		this.#settings = parseHubOptions(options)
		const { clock, directory, logger, maxDirectives, maxNodes, maxRuns, transport } = this.#settings
		this.#events = new Emitter(logger)
		this.#operations = new Operations(this.#settings)
		this.#registry = new Registry({
			...{ self: transport.self, startedAt: clock.now(), maxNodes, maxDirectives, maxRows: maxRuns },
			now: () => clock.now(),
			isMember: id => this.#conversation.members.has(id),
			changed: change => this.#changed(change),
		})
		this.#crew = new Crew(this.#settings, {
			directives: this.#registry.directives,
			publish: (key, state, isNews) => {
				if (this.#registry.set(key, state) && isNews) this.#conversation.tellSoon()
			},
		})
		this.#conversation = new Conversation(this.#settings, this.#registry, {
			nodeUp: ({ name, boot }) => {
				this.#acquaintance.up()
				this.#events.emit('change', { kind: 'node-up', node: name, boot })
			},
			nodeDown: ({ name, boot }) => {
				this.#events.emit('change', { kind: 'node-down', node: name, boot })
				this.#operations.checkSoon()
			},
			asked: (from, data) => this.#acquaintance.heard(from, data),
			beforeSync: () => this.#crew.publish(),
		})
		this.#acquaintance = new Acquaintance(this.#settings, this.#conversation, this.#registry)
		const all = (): Iterable<Directive> => this.#registry.directives.values()
		this.#store = directory === undefined ? undefined : new DirectiveStore(directory, this.#settings, all)
		this.#view = new FleetView(
			transport.self,
			this.#registry,
			this.#publications,
			() => this.#conversation.members,
			() => clock.now(),
		)
	}

	/** Joins the fleet. @throws `INVALID_OPTION` where the scope is open already; `STOPPED`. */
	async start(): Promise<this> {
		this.#expectAlive()
		this.#starting ??= this.#start().catch((error: unknown) => {
			this.#starting = undefined
			throw error
		})
		return this.#starting
	}

	/**
	 * Resolves when it is known what the fleet was told, with whether anybody else is there: a term that is attached, and
	 * started after this, never holds what a pin keeps out. Others are asked; where nobody is there, or all have come up
	 * within 10 s, it takes four times `joinDebounce` and a second from the start on (3 s).
	 *
	 * @throws `NOT_STARTED`; `STOPPED`, also where `signal` is aborted first
	 */
	async synced({ signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<boolean> {
		this.#expectStarted()
		return this.#acquaintance.made(this.#life.signal, signal)
	}

	/** Leaves the fleet, with a goodbye. Final and idempotent; nothing is called back afterwards. Terms go on. */
	stop(): Promise<void> {
		this.#stopping ??= this.#stop()
		return this.#stopping
	}

	[Symbol.asyncDispose](): Promise<void> {
		return this.stop()
	}

	/**
	 * From now on the fleet knows of this term, and the term obeys the fleet. Returns what ends that.
	 *
	 * @throws `INVALID_OPTION` for one more term of the same name, or one too many; `STOPPED`.
	 */
	attach(term: FleetTerm): () => void {
		this.#expectAlive()
		this.#crew.attach(term)
		return () => {
			if (this.#crew.get(term.name) === term) this.detach(term.name)
		}
	}

	/** The term is the node's own affair again. */
	detach(term: string): void {
		if (this.#phase !== 'stopped') this.#crew.detach(term)
	}

	/** The services of a gateway, by its `ConfigDb`. Returns what ends that. @throws `STOPPED` */
	attachServices(services: FleetServices): () => void {
		this.#expectAlive()
		const attached = this.#crew.attachServices(services)
		return () => attached[Symbol.dispose]()
	}

	/** Everybody that is up, this node included, by name. */
	nodes(): FleetNode[] {
		return this.#view.nodes()
	}

	/** Every term and service that somebody runs, by name. */
	terms(): FleetTermSummary[] {
		return this.#view.terms()
	}

	/** By the name of the node. */
	whoRuns(name: string, kind: RunKind = 'term'): FleetRun[] {
		return this.#view.whoRuns(name, kind)
	}

	/** The nodes that lag, and by how much; those that lag the most first. */
	drift(name?: string): Drift[] {
		return this.#view.drift(name)
	}

	/** The versions of something as the fleet has seen them published, the earliest first. */
	versions(name: string, kind: RunKind = 'term'): string[] {
		return this.#publications.of(rowKey(kind, name)).map(([version]) => version)
	}

	/** Calls back after each change. Returns what ends that. */
	watch(listener: (change: FleetChange) => void): () => void {
		return this.#events.on('change', listener)
	}

	/**
	 * Has every node that runs the term ask its source, each at a moment of its own within `window` milliseconds (default:
	 * 10 s). @throws `INVALID_OPTION`, `NOT_STARTED`, `STOPPED`
	 */
	refresh(
		term: string,
		{ window = REFRESH_WINDOW }: { readonly window?: number | undefined } = {},
	): FleetOperation {
		notNegative('window', window)
		return this.#direct('refresh', term, { window, lifetime: window + 5 * MINUTE })
	}

	/** Has every node hold this version, those included that come later, until `unpin`. @throws as `refresh` */
	pin(term: string, version: string): FleetOperation {
		if (typeof version !== 'string' || version === '' || version.length > MAX_VERSION)
			throw invalid('version', `a string of 1 to ${MAX_VERSION} characters`, version)
		return this.#direct('pin', term, { version })
	}

	/** @throws as `refresh` */
	unpin(term: string): FleetOperation {
		return this.#direct('pin', term, { version: null })
	}

	/**
	 * Has every node that holds `from` return to the version before. Whoever holds another has nothing to do, so it may
	 * be said twice. Obeyed for an hour, by those too that come meanwhile.
	 *
	 * @param options.from Default: what most nodes hold. @throws as `refresh`, and where no node holds any version
	 */
	rollback(term: string, { from }: { readonly from?: string | undefined } = {}): FleetOperation {
		const summary = this.#view.terms().find(one => one.kind === 'term' && one.name === term)
		const version = from ?? summary?.versions.find(one => one.version !== undefined)?.version
		if (version === undefined) throw invalid('from', 'a version, since no node holds any', from)
		const last = this.#registry.directives.get(directiveKey({ kind: 'rollback', term }))
		const left = last === undefined ? [] : [...leftBy(last)].filter(one => one !== version)
		return this.#direct('rollback', term, { version, left: left.slice(0, MAX_LEFT), lifetime: 60 * MINUTE })
	}

	#direct(
		kind: DirectiveKind,
		term: string,
		what: Pick<Directive, 'version' | 'left' | 'window' | 'lifetime'>,
	): FleetOperation {
		this.#expectStarted()
		if (typeof term !== 'string' || term === '' || term.length > 256)
			throw invalid('term', 'a name of 1 to 256 characters', term)
		const { clock, logger } = this.#settings
		const directive = this.#registry.author({ kind, term, ...what })
		this.#conversation.tell([directive])
		return new FleetOperation(directive, {
			...{ clock, logger, life: this.#life.signal },
			strangersFor: beganAt => this.#acquaintance.strangersFor(beganAt),
			runs: () => this.#view.whoRuns(term, 'term'),
			latest: () => this.#registry.directives.get(directiveKey(directive)),
			follow: operation => this.#operations.follow(operation),
			unfollow: operation => this.#operations.unfollow(operation),
		})
	}

	#changed(change: RegistryChange): void {
		if (change.kind === 'directive') {
			this.#crew.obey(change.directive)
			if (this.#phase === 'started') this.#store?.changed()
			this.#events.emit('change', change)
		} else {
			const record = this.#registry.get(change.id)
			for (const key of change.keys) {
				const state = record?.get(key)
				if (state !== undefined) this.#publications.note(key, state)
			}
			this.#events.emit('change', { kind: 'runs', id: change.id })
		}
		this.#operations.checkSoon()
	}

	async #start(): Promise<this> {
		if (this.#store !== undefined) {
			const directives = await this.#store.load(this.#life.signal)
			this.#expectAlive()
			this.#registry.apply({ deltas: [], directives })
		}
		this.#acquaintance.begin()
		this.#conversation.open()
		this.#phase = 'started'
		return this
	}

	async #stop(): Promise<void> {
		this.#phase = 'stopped'
		this.#events.clear()
		this.#life.abort(new RemoteTermError('STOPPED', 'The hub is stopped'))
		this.#operations.close()
		this.#crew.close()
		await this.#conversation.close()
		await this.#store?.close()
	}

	#expectStarted(): void {
		this.#expectAlive()
		if (this.#phase === 'idle')
			throw new RemoteTermError('NOT_STARTED', 'Expected the hub to be started first')
	}

	#expectAlive(): void {
		if (this.#phase === 'stopped') throw new RemoteTermError('STOPPED', 'The hub is stopped')
	}
}
