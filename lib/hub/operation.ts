import { reasonOf, type Clock, type Timer } from '../core/clock.ts'
import { Emitter } from '../core/events.ts'
import type { Logger } from '../core/logger.ts'
import { positive } from '../core/options.ts'
import { answersDirective, compareDirectives, type Directive } from './directive.ts'
import type { FleetRun } from './fleet-view.ts'
import type { Reason } from './rows.ts'

export interface FleetAnswer {
	readonly node: string
	readonly boot: string
	readonly outcome: 'applied' | 'refused'
	/** In place there afterwards. */
	readonly version: string | undefined
	readonly reason: Reason | undefined
}

export interface Settled {
	readonly applied: readonly FleetAnswer[]
	readonly refused: readonly FleetAnswer[]
	/** The nodes that run the term, are up, and have not answered. */
	readonly silent: readonly string[]
	/** A later directive has taken its place: who has not answered yet never will. */
	readonly superseded: boolean
}

/** What an operation needs of its hub. */
export interface OperationPlace {
	readonly clock: Clock
	readonly logger: Logger
	readonly runs: () => readonly FleetRun[]
	/** The directive in the register now. */
	readonly latest: () => Directive | undefined
	/**
	 * For how many milliseconds more some of those that are up may turn out to run the term, for an operation that began
	 * at this moment of the monotonic clock.
	 */
	readonly strangersFor: (beganAt: number) => number
	/** Aborted when the hub stops. */
	readonly life: AbortSignal
	/** From now on, or no longer, told when something has changed. */
	readonly follow: (operation: FleetOperation) => void
	readonly unfollow: (operation: FleetOperation) => void
}

/** How long answers are waited for, in milliseconds, where nobody says how long. */
export const answerTimeout = ({ window = 0 }: Directive): number => 30_000 + window

/** A directive under way: who has answered, and how. */
export class FleetOperation {
	readonly directive: Directive
	readonly #place: OperationPlace
	readonly #beganAt: number
	readonly #events: Emitter<{ change: undefined }>

	constructor(directive: Directive, place: OperationPlace) {
		this.directive = directive
		this.#place = place
		this.#beganAt = place.clock.monotonic()
		this.#events = new Emitter(place.logger)
	}

	/** So far. */
	get answers(): FleetAnswer[] {
		const { kind } = this.directive
		return this.#place.runs().flatMap(({ answers, boot, node }) => {
			const answer = answers?.[kind]
			if (answer === undefined || !answersDirective(answer, this.directive)) return []
			const { outcome, reason, version } = answer
			return [{ node, boot, outcome, version, reason }]
		})
	}

	/**
	 * Called for each answer as it comes in, those that are there already included. What it throws is logged. Returns
	 * what ends that.
	 */
	onAnswer(listener: (answer: FleetAnswer) => void): () => void {
		const told = new Set<string>()
		const tell = (): void => {
			for (const answer of this.answers) {
				const key = `${answer.node}#${answer.boot} ${answer.outcome}`
				if (told.has(key)) continue
				told.add(key)
				guarded.emit('answer', answer)
			}
		}
		const guarded = new Emitter<{ answer: FleetAnswer }>(this.#place.logger)
		guarded.on('answer', listener)
		const unfollow = this.#follow(tell)
		tell()
		return unfollow
	}

	/** As it stands now. */
	get state(): Settled {
		const { answers } = this
		const answered = new Set(answers.map(({ boot, node }) => `${node}#${boot}`))
		const latest = this.#place.latest()
		return {
			applied: answers.filter(({ outcome }) => outcome === 'applied'),
			refused: answers.filter(({ outcome }) => outcome === 'refused'),
			silent: this.#place
				.runs()
				.filter(({ boot, node }) => !answered.has(`${node}#${boot}`))
				.map(({ node }) => node),
			superseded: latest !== undefined && compareDirectives(latest, this.directive) > 0,
		}
	}

	/**
	 * Resolves as soon as every node that runs the term and is up has answered, or a later directive has taken its place;
	 * after `timeout` milliseconds (default: 30 s, and the window of a refresh) with those that are silent.
	 *
	 * Of a node that has come up a moment ago it is not known yet what it runs. It is waited for until it has said so, but
	 * no longer than four times `joinDebounce` and a second (3 s) from the beginning of the operation: whoever has
	 * nothing to say runs nothing. A hub that has just started waits as long for somebody to come up at all.
	 *
	 * @throws `STOPPED` where `signal` is aborted, or the hub stops, first.
	 */
	settled(
		options: { readonly timeout?: number | undefined; readonly signal?: AbortSignal | undefined } = {},
	): Promise<Settled> {
		const { timeout = answerTimeout(this.directive), signal } = options
		positive('timeout', timeout)
		const { clock, life } = this.#place
		return new Promise((resolve, reject) => {
			const signals = signal === undefined ? [life] : [life, signal]
			const end = (): void => {
				timer[Symbol.dispose]()
				patience?.[Symbol.dispose]()
				unfollow()
				for (const one of signals) one.removeEventListener('abort', abort)
			}
			const finish = (): void => {
				end()
				resolve(this.state)
			}
			const abort = (): void => {
				end()
				reject(reasonOf(signals.find(({ aborted }) => aborted)!))
			}
			const timer = clock.timer(timeout, finish)
			let patience: Timer | undefined
			let unfollow = (): void => {}
			const check = (): void => {
				const { silent, superseded } = this.state
				if (superseded) return finish()
				if (silent.length > 0) return
				const wait = this.#place.strangersFor(this.#beganAt)
				if (wait <= 0) return finish()
				patience?.[Symbol.dispose]()
				patience = clock.timer(wait, check)
			}
			for (const one of signals) one.addEventListener('abort', abort)
			if (signals.some(({ aborted }) => aborted)) return abort()
			unfollow = this.#follow(check)
			check()
		})
	}

	/** @internal The hub says that something has changed. */
	check(): void {
		this.#events.emit('change', undefined)
	}

	#follow(check: () => void): () => void {
		const remove = this.#events.on('change', check)
		this.#place.follow(this)
		return () => {
			remove()
			if (!this.#events.has('change')) this.#place.unfollow(this)
		}
	}
}
