import type { Clock, Timer } from '../../core/clock.ts'
import { notNegative, positive } from '../../core/options.ts'
import type { Random } from '../../core/random.ts'

/**
 * How often everybody says that it is alive. In a scope of N peers with b = `heartbeat` and r = `maxHeartbeatRate`,
 * each peer says so every i = max(b, 1000 · N / r) milliseconds, so that each hears N / i of them: at most r in a second,
 * however many they are. Whoever is not heard of for `patience` times the longest pause that it announced is down.
 */
export interface PulseOptions {
	/** Milliseconds between two signs of life, in a small scope. Default: 2,000. */
	readonly heartbeat?: number | undefined
	/** How many signs of life a peer is to hear in a second, at most; the pauses get longer for that. Default: 50. */
	readonly maxHeartbeatRate?: number | undefined
	/** How many pauses make silence. Default: 3. */
	readonly patience?: number | undefined
	/** Milliseconds for each peer that is up, over which answers to a newcomer are spread, up to a second. Default: 1. */
	readonly answerSpread?: number | undefined
}

export const PULSE_OPTIONS = ['heartbeat', 'maxHeartbeatRate', 'patience', 'answerSpread'] as const

export interface PulseSettings {
	readonly heartbeat: number
	readonly maxHeartbeatRate: number
	readonly patience: number
	readonly answerSpread: number
}

export const parsePulse = ({
	heartbeat = 2_000,
	maxHeartbeatRate = 50,
	patience = 3,
	answerSpread = 1,
}: PulseOptions): PulseSettings => ({
	heartbeat: positive('heartbeat', heartbeat),
	maxHeartbeatRate: positive('maxHeartbeatRate', maxHeartbeatRate),
	patience: positive('patience', patience),
	answerSpread: notNegative('answerSpread', answerSpread),
})

const LONGEST_SPREAD = 1_000
/** A fifth up and down: peers that started together do not stay together. */
const JITTER = 0.2

interface Doing {
	/** How many peers are up. */
	readonly size: () => number
	/** Time to say that we are alive, and to look who is silent. `late`: how much later than due it is. */
	readonly beat: (late: number) => void
	/** Time to answer those who have said hello. */
	readonly answer: () => void
}

/** The two timers of a channel. */
export class Pulse {
	#beat: Timer | undefined
	#answer: Timer | undefined
	readonly #settings: PulseSettings
	readonly #clock: Clock
	readonly #random: Random
	readonly #background: boolean
	readonly #doing: Doing

	constructor(
		settings: PulseSettings,
		context: { readonly clock: Clock; readonly random: Random; readonly background: boolean },
		doing: Doing,
	) {
		this.#settings = settings
		this.#clock = context.clock
		this.#random = context.random
		this.#background = context.background
		this.#doing = doing
	}

	/** How long others may wait for our next sign of life, in whole milliseconds. */
	get longestPause(): number {
		return Math.ceil(this.#interval * (1 + JITTER))
	}

	get #interval(): number {
		const { heartbeat, maxHeartbeatRate } = this.#settings
		return Math.max(heartbeat, (1000 * (this.#doing.size() + 1)) / maxHeartbeatRate)
	}

	start(): void {
		this.#beat?.[Symbol.dispose]()
		const pause = this.#interval * (1 - JITTER + 2 * JITTER * this.#random())
		const due = this.#clock.monotonic() + pause
		const ring = (): void => {
			this.start()
			this.#doing.beat(Math.max(0, this.#clock.monotonic() - due))
		}
		this.#beat = this.#clock.timer(pause, ring, { background: this.#background })
	}

	/** An answer is due soon. Those that become due meanwhile go with it. */
	answerSoon(): void {
		if (this.#answer !== undefined) return
		const spread = Math.min(LONGEST_SPREAD, this.#settings.answerSpread * this.#doing.size())
		const ring = (): void => {
			this.#answer = undefined
			this.#doing.answer()
		}
		this.#answer = this.#clock.timer(this.#random() * spread, ring, { background: this.#background })
	}

	stop(): void {
		this.#beat?.[Symbol.dispose]()
		this.#answer?.[Symbol.dispose]()
		this.#beat = undefined
		this.#answer = undefined
	}
}
