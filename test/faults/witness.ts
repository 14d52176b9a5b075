import type { Outcome, TermEvents } from '../../lib/term/events.ts'
import type { FakeClock } from '../../lib/testing/fake-clock.ts'
import type { Document } from './document.ts'
import { nameOf, type Sight } from './laws.ts'
import type { World } from './world.ts'
import type { Subject } from './subject.ts'

const LANDINGS = ['updated', 'unchanged', 'failed'] as const
type Landing = TermEvents<Document>[(typeof LANDINGS)[number]]

/** Watches a term under a fake clock: what it returns, what it reports, and when. */
export class Witness {
	readonly term: Subject
	readonly clock: FakeClock
	/** What was called since it was last asked for. */
	readonly #calls: string[] = []
	readonly #seen: unknown[] = []
	readonly #landings: Landing[] = []
	#onLanding: (() => void) | undefined

	constructor(term: Subject, clock: FakeClock) {
		this.term = term
		this.clock = clock
		for (const name of LANDINGS) {
			term.on(name, landing => {
				this.#landings.push(landing)
				this.#note(name)
				this.#onLanding?.()
			})
		}
		term.on('status', () => this.#note('status'))
		term.on('progress', () => this.#note('progress'))
	}

	/** What is there to be seen now; and whatever was, since the last time. */
	look(otherTimers = 0): Sight {
		const { term, clock } = this
		return {
			value: term.get(),
			mark: nameOf(term.get()),
			seen: this.#seen.splice(0),
			version: term.version,
			health: term.health(),
			timers: clock.timers,
			now: clock.now(),
			otherTimers,
		}
	}

	takeCalls(): readonly string[] {
		return this.#calls.splice(0)
	}

	/** Forgets landings that nobody waited for. */
	forgetLandings(): void {
		this.#landings.length = 0
	}

	/** The outcome of the next refresh, however it comes about, time passing as needed while the source is silent. */
	async landing(source: Silence): Promise<Outcome> {
		const landed = new Promise<void>(resolve => {
			this.#onLanding = resolve
			if (this.#landings.length > 0) resolve()
		})
		await inTime(this.clock, landed, source)
		this.#onLanding = undefined
		return this.#landings.shift()!
	}

	#note(call: string): void {
		this.#calls.push(call)
		this.#seen.push(this.term.get())
	}
}

/** Where one question or more are left without an answer. */
export type Silence = Pick<World, 'silent' | 'pace'>

/**
 * Waits for work that may wait for I/O, under a clock that stands still, so that no limit runs out because a machine
 * is slow. Only while the source is known to have fallen silent does time pass.
 */
export const inTime = async <Result>(
	clock: FakeClock,
	work: Promise<Result>,
	source: Silence,
): Promise<Result> => {
	let pending = true
	const done = work.finally(() => (pending = false))
	done.catch(() => {})
	while (pending) {
		await Promise.race([done.catch(() => {}), new Promise(resolve => void setImmediate(resolve))])
		if (pending && source.silent) await clock.advance(Math.min(clock.nextTimerIn ?? 0, source.pace))
	}
	return done
}
