import type { Clock, Timer } from '../core/clock.ts'
import { Cancellation } from './cancellation.ts'
import type { RefreshTrigger } from './channels.ts'

interface Flight<Outcome> {
	readonly cancellation: Cancellation
	readonly outcome: Promise<Outcome>
}

const FLIGHTS_PER_SIGNAL = 64

export interface NextFlight {
	/** In milliseconds from now; `undefined`: none is due. */
	readonly delay: number | undefined
	/** Whether the source asked for this delay, so that not even its own news may shorten it. */
	readonly mustWait: boolean
}

export interface RefreshLoopOptions<Outcome> {
	readonly clock: Clock
	/** Nothing but a call of `fly` begins a flight sooner after the last one began, in milliseconds. */
	readonly minInterval: number
	/** One refresh; never rejects. */
	run(cancellation: Cancellation): Promise<Outcome>
	/** Runs a flight of any kind, and may look on. */
	watch(trigger: RefreshTrigger, fly: () => Promise<Outcome>): Promise<Outcome>
	/** Called when a flight has landed and the next is scheduled, or the loop has ended and there will be none. */
	landed(outcome: Outcome, ended: boolean): void
	/** Puts the flight on record, and says when the next one is due. Called once for each that lands before the end. */
	record(outcome: Outcome): NextFlight
}

/**
 * At most one flight under way, at most one timer for the next. The timer is set again each time a flight lands, and
 * only there, so that no number of manual refreshes ever makes a second chain of them.
 */
export class RefreshLoop<Outcome> {
	readonly #options: RefreshLoopOptions<Outcome>
	#flight: Flight<Outcome> | undefined
	#flights = 0
	#controller = new AbortController()
	#timer: Timer | undefined
	#nextAt: number | undefined
	#lastBegan = -Infinity
	/** The source changed while a flight was under way, which may have been too early to see it. */
	#changedMeanwhile = false
	#mustWait = false
	#ended = false

	constructor(options: RefreshLoopOptions<Outcome>) {
		this.#options = options
	}

	get flying(): boolean {
		return this.#flight !== undefined
	}

	/** When the next flight begins, on the monotonic clock. */
	get nextAt(): number | undefined {
		return this.#nextAt
	}

	/** Begins a flight of another kind as soon as none is under way; `undefined` if the end comes first. */
	async flyNext(
		trigger: RefreshTrigger,
		run: (cancellation: Cancellation) => Promise<Outcome>,
	): Promise<Outcome | undefined> {
		while (this.#flight !== undefined) await this.#flight.outcome
		return this.#ended ? undefined : this.fly(trigger, run)
	}

	/** Begins a flight now, or joins the one under way. */
	fly(
		trigger: RefreshTrigger,
		run: (cancellation: Cancellation) => Promise<Outcome> = cancellation => this.#options.run(cancellation),
	): Promise<Outcome> {
		if (this.#flight !== undefined) return this.#flight.outcome
		this.disarm()
		this.#lastBegan = this.#options.clock.monotonic()
		this.#changedMeanwhile = false
		const cancellation = new Cancellation(this.#freshController())
		const outcome = this.#options
			.watch(trigger, () => run(cancellation))
			.then(landed => {
				this.#land(landed)
				return landed
			})
		this.#flight = { cancellation, outcome }
		return outcome
	}

	/** The source says that it has changed: fly soon, and once more if a flight is under way. */
	sourceChanged(): void {
		if (this.#ended) return
		if (this.#flight !== undefined) this.#changedMeanwhile = true
		else if (!this.#mustWait) this.#arm(0, 'change')
	}

	/** Gives up the flight under way; its outcome says why. */
	abort(reason: Error): void {
		this.#flight?.cancellation.cancel(reason)
	}

	disarm(): void {
		this.#timer?.[Symbol.dispose]()
		this.#timer = undefined
		this.#nextAt = undefined
	}

	/** Gives up the flight under way, and never begins another by itself. Resolves when it has landed. */
	async end(reason: Error): Promise<void> {
		this.#ended = true
		this.disarm()
		this.abort(reason)
		await this.#flight?.outcome
	}

	/**
	 * A signal costs more than all the rest of an unchanged refresh, so one that was not aborted serves several flights,
	 * but not endlessly many, since not everybody who listens to a signal stops listening.
	 */
	#freshController(): AbortController {
		if (this.#controller.signal.aborted || this.#flights++ % FLIGHTS_PER_SIGNAL === 0)
			this.#controller = new AbortController()
		return this.#controller
	}

	#land(outcome: Outcome): void {
		this.#flight = undefined
		if (!this.#ended) {
			const { delay, mustWait } = this.#options.record(outcome)
			this.#mustWait = mustWait
			if (this.#changedMeanwhile && !mustWait) this.#arm(0, 'change')
			else if (delay !== undefined) this.#arm(delay, 'schedule')
		}
		// Last, as a listener may well call for the next flight.
		this.#options.landed(outcome, this.#ended)
	}

	#arm(delay: number, trigger: RefreshTrigger): void {
		this.disarm()
		const { clock, minInterval } = this.#options
		const now = clock.monotonic()
		const wait = Math.ceil(delay > 0 ? delay : Math.max(0, this.#lastBegan + minInterval - now))
		this.#nextAt = now + wait
		// In the background: a poll is no reason for a process to stay alive.
		this.#timer = clock.timer(wait, () => void this.fly(trigger), { background: true })
	}
}
