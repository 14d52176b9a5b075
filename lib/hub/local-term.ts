import type { Clock, Timer } from '../core/clock.ts'
import { messageOf, RemoteTermError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { Random } from '../core/random.ts'
import { answersDirective, isLive, leftBy, type Directive } from './directive.ts'
import type { FleetOutcome, FleetTerm } from './fleet-term.ts'
import { MAX_VERSION, type Answer, type DirectiveKind, type RunState } from './rows.ts'
import { advance, clip, NO_TRACK, reasonOf, stateOf, type Track } from './run-state.ts'

export interface LocalTermSettings {
	readonly clock: Clock
	readonly random: Random
	readonly logger: Logger
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
	#track: Track = NO_TRACK
	#published: RunState | undefined
	#tail = Promise.resolve()
	/** Directives that are being carried out, or wait for their turn. */
	#waiting = 0
	/** Until the moment of a refresh has come. */
	#timer: Timer | undefined
	/** Of what is being carried out. */
	#limit: Timer | undefined
	/** The last pin was said to a term that had nothing yet. */
	#isPinnedAhead = false
	#isClosed = false

	constructor(term: FleetTerm, settings: LocalTermSettings) {
		this.term = term
		this.#settings = settings
		this.#listeners = (['updated', 'unchanged', 'failed', 'status'] as const).map(event =>
			term.on(event, () => this.#changed(event === 'updated')),
		)
		try {
			this.publish()
		} catch (error) {
			this.close()
			throw error
		}
	}

	/** Says how it is, where that is not what was said last. */
	publish(): void {
		if (this.#isClosed) return
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

	obey(directive: Directive): void {
		const { clock, random } = this.#settings
		const { kind, window = 0 } = directive
		if (!isLive(directive, clock.now())) return
		this.#latest.set(kind, directive)
		// At once, so that a term which is started next has heard of its pin.
		if (kind !== 'refresh') return this.#enqueue(directive, true)
		this.#timer?.[Symbol.dispose]()
		this.#timer = clock.timer(random() * window, () => this.#enqueue(directive), { background: true })
	}

	close(): void {
		for (const remove of this.#listeners) remove()
		this.#timer?.[Symbol.dispose]()
		this.#limit?.[Symbol.dispose]()
		this.#isClosed = true
	}

	#changed(isUpdate: boolean): void {
		this.publish()
		if (isUpdate)
			for (const directive of this.#latest.values()) if (this.#isDue(directive)) this.#enqueue(directive)
	}

	/** The term has moved on: what was answered before may be another thing now. */
	#isDue(directive: Directive): boolean {
		const { kind } = directive
		const answer = this.#answers[kind]
		switch (kind) {
			case 'pin': {
				// It was not to be had then.
				if (answer?.outcome === 'refused') return true
				// It was said before the term had anything, and the term has started without.
				const { version } = directive
				const isLost = typeof version === 'string' && this.term.health().pinnedVersion !== version
				if (!this.#isPinnedAhead || !isLost) return false
				delete this.#answers.pin
				return true
			}
			case 'refresh':
				return answer?.reason?.code === 'NOT_STARTED'
			case 'rollback': {
				// Whoever has come later brings what the others have returned from.
				const { pinnedVersion, version } = this.term.health()
				const isBack = version !== undefined && version !== pinnedVersion && leftBy(directive).has(version)
				if (!isBack || !isLive(directive, this.#settings.clock.now())) return false
				delete this.#answers.rollback
				return true
			}
		}
	}

	/** @param now Not a turn of the event loop later, where nothing else is under way. */
	#enqueue(directive: Directive, now = false): void {
		const act = (): Promise<void> => this.#carryOut(directive)
		const turn = now && this.#waiting === 0 ? act() : this.#tail.then(act)
		this.#waiting++
		this.#tail = turn
			.catch((error: unknown) =>
				this.#settings.logger.error(`A ${directive.kind} of ${this.term.name} could not be answered`, {
					error,
				}),
			)
			.finally(() => this.#waiting--)
	}

	async #carryOut(directive: Directive): Promise<void> {
		const { kind } = directive
		const isDone = (): boolean => this.#isClosed || this.#latest.get(kind) !== directive
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
	async #act(directive: Directive): Promise<FleetOutcome> {
		const { term } = this
		const { kind, version } = directive
		const { pinnedVersion, version: held } = term.health()
		const nothingToDo: FleetOutcome = { status: 'unchanged', version: held }
		switch (kind) {
			case 'refresh':
				return term.update()
			case 'pin':
				this.#isPinnedAhead = held === undefined
				if (version === undefined || version === null) {
					if (pinnedVersion === undefined) return nothingToDo
					return (await term.unpin?.()) ?? this.#cannot('unpin')
				}
				if (pinnedVersion === version && held === version) return nothingToDo
				return (await term.pin?.(version)) ?? this.#cannot('pin')
			case 'rollback':
				return this.#rollBack(leftBy(directive), nothingToDo)
		}
	}

	/** One version after the other, until it is none of these: who has missed a rollback has more than one to go. */
	async #rollBack(left: Set<string>, nothingToDo: FleetOutcome): Promise<FleetOutcome> {
		let outcome = nothingToDo
		while (outcome.error === undefined && outcome.version !== undefined && left.delete(outcome.version))
			outcome = (await this.term.rollback?.()) ?? this.#cannot('rollback')
		return outcome
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
			...{ status: 'failed', version: this.#track.version, error },
		})
		return new Promise(resolve => {
			const limit = clock.timer(
				obeyTimeout,
				() => end(failed(new RemoteTermError('TIMEOUT', `${name} took longer than ${obeyTimeout} ms`))),
				{ background: true },
			)
			const end = (outcome: FleetOutcome): void => {
				limit[Symbol.dispose]()
				resolve(outcome)
			}
			this.#limit = limit
			act().then(end, (error: unknown) => {
				const threw = (): RemoteTermError =>
					new RemoteTermError('SETUP_FAILED', `${name} threw: ${messageOf(error)}`, {
						cause: error,
						term: name,
					})
				end(failed(error instanceof RemoteTermError ? error : threw()))
			})
		})
	}
}

const isSameButForSuccess = (a: RunState, b: RunState): boolean =>
	JSON.stringify({ ...a, lastSuccessAt: 0 }) === JSON.stringify({ ...b, lastSuccessAt: 0 })
