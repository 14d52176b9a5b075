import type { Clock, Timer } from '../core/clock.ts'
import { messageOf, RemoteTermError } from '../core/errors.ts'
import type { Random } from '../core/random.ts'
import { answersDirective, isLive, type Directive } from './directive.ts'
import type { FleetOutcome, FleetTerm } from './fleet-term.ts'
import { MAX_VERSION, type Answer, type DirectiveKind, type RunState } from './rows.ts'
import { advance, clip, NO_TRACK, reasonOf, stateOf, type Track } from './run-state.ts'

export interface LocalTermSettings {
	readonly clock: Clock
	readonly random: Random
	/** How long a directive may take here, in milliseconds. */
	readonly obeyTimeout: number
	/** By how much the last success moves on before others are told, in milliseconds. */
	readonly successResolution: number
	/** @param isNews Whether it is worth telling at once. */
	readonly publish: (state: RunState, isNews: boolean) => void
}

/**
 * One term of this node: what is to be known of it, and what it was told to do. Directives take turns; each is carried
 * out once, unless a later one for the same has come meanwhile, and answered.
 */
export class LocalTerm {
	readonly term: FleetTerm
	readonly #settings: LocalTermSettings
	readonly #latest = new Map<DirectiveKind, Directive>()
	readonly #answers: { [Kind in DirectiveKind]?: Answer } = {}
	readonly #listeners: ReadonlyArray<() => void>
	readonly #life = new AbortController()
	#track: Track = NO_TRACK
	#published: RunState | undefined
	#tail = Promise.resolve()
	#timer: Timer | undefined

	constructor(term: FleetTerm, settings: LocalTermSettings) {
		this.term = term
		this.#settings = settings
		this.#listeners = (['updated', 'unchanged', 'failed', 'status'] as const).map(event =>
			term.on(event, () => this.#changed(event === 'updated')),
		)
		this.publish()
	}

	/** Says how it is, where that is not what was said last. */
	publish(): void {
		if (this.#life.signal.aborted) return
		const { clock, publish, successResolution } = this.#settings
		const health = this.term.health()
		this.#track = advance(this.#track, health.version, clock.now())
		const state = stateOf(health, this.#track, { ...this.#answers })
		const before = this.#published
		const isNews = before === undefined || !isSameButForSuccess(before, state)
		const moved = (state.lastSuccessAt ?? 0) - (before?.lastSuccessAt ?? 0)
		if (!isNews && Math.abs(moved) < successResolution) return
		this.#published = state
		publish(state, isNews)
	}

	/** @param isNew Whether it was given while the term was here: who comes later need not refresh. */
	obey(directive: Directive, isNew: boolean): void {
		const { clock, random } = this.#settings
		const { kind, window = 0 } = directive
		if (kind === 'refresh' && !isNew) return
		if (!isLive(directive, clock.now())) return
		this.#latest.set(kind, directive)
		if (kind !== 'refresh') return this.#enqueue(directive)
		this.#timer?.[Symbol.dispose]()
		this.#timer = clock.timer(random() * window, () => this.#enqueue(directive), { background: true })
	}

	close(): void {
		for (const remove of this.#listeners) remove()
		this.#timer?.[Symbol.dispose]()
		this.#life.abort()
	}

	#changed(isUpdate: boolean): void {
		this.publish()
		const pin = this.#latest.get('pin')
		// It was not to be had then; now the term has moved on.
		if (isUpdate && pin !== undefined && this.#answers.pin?.outcome === 'refused') this.#enqueue(pin)
	}

	#enqueue(directive: Directive): void {
		this.#tail = this.#tail.then(() => this.#carryOut(directive))
	}

	async #carryOut(directive: Directive): Promise<void> {
		const { kind } = directive
		const isDone = (): boolean => this.#life.signal.aborted || this.#latest.get(kind) !== directive
		const answer = this.#answers[kind]
		if (isDone() || (answersDirective(answer, directive) && answer?.outcome === 'applied')) return
		const outcome = await this.#within(() => this.#act(directive))
		if (isDone()) return
		const { epoch, author } = directive
		this.#answers[kind] = {
			...{ epoch, author },
			outcome: outcome.error === undefined ? 'applied' : 'refused',
			...(outcome.version !== undefined && { version: clip(outcome.version, MAX_VERSION) }),
			...(outcome.error !== undefined && { reason: reasonOf(outcome.error) }),
			at: this.#settings.clock.now(),
		}
		this.publish()
	}

	/** What is so already is applied, without another word to the term. */
	async #act({ kind, version }: Directive): Promise<FleetOutcome> {
		const { term } = this
		const { pinnedVersion, version: held } = term.health()
		const nothingToDo: FleetOutcome = { status: 'unchanged', version: held }
		switch (kind) {
			case 'refresh':
				return term.update()
			case 'pin':
				if (version === undefined || version === null) {
					if (pinnedVersion === undefined) return nothingToDo
					return (await term.unpin?.()) ?? this.#cannot('unpin')
				}
				if (pinnedVersion === version && held === version) return nothingToDo
				return (await term.pin?.(version)) ?? this.#cannot('pin')
			case 'rollback':
				if (held !== version) return nothingToDo
				return (await term.rollback?.()) ?? this.#cannot('rollback')
		}
	}

	#cannot(what: string): FleetOutcome {
		const { name } = this.term
		const error = new RemoteTermError('INVALID_OPTION', `${name} has no \`${what}\``, { term: name })
		return { status: 'failed', version: this.term.health().version, error }
	}

	/** Never rejects. */
	#within(act: () => Promise<FleetOutcome>): Promise<FleetOutcome> {
		const { clock, obeyTimeout } = this.#settings
		const { name } = this.term
		const failed = (error: RemoteTermError): FleetOutcome => ({
			status: 'failed',
			version: this.term.health().version,
			error,
		})
		return new Promise(resolve => {
			const timer = clock.timer(
				obeyTimeout,
				() => resolve(failed(new RemoteTermError('TIMEOUT', `${name} took longer than ${obeyTimeout} ms`))),
				{ background: true },
			)
			this.#life.signal.addEventListener('abort', () => timer[Symbol.dispose](), { once: true })
			act()
				.catch((error: unknown) =>
					failed(
						error instanceof RemoteTermError
							? error
							: new RemoteTermError('SETUP_FAILED', `${name} threw: ${messageOf(error)}`),
					),
				)
				.then(outcome => {
					timer[Symbol.dispose]()
					resolve(outcome)
				}, resolve)
		})
	}
}

const isSameButForSuccess = (a: RunState, b: RunState): boolean =>
	JSON.stringify({ ...a, lastSuccessAt: 0 }) === JSON.stringify({ ...b, lastSuccessAt: 0 })
