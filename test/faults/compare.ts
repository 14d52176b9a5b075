import { setTimeout as wait } from 'node:timers/promises'
import { join } from 'node:path'
import { mkdir } from 'node:fs/promises'
import { temporaryDirectory } from '../support/temporary.ts'
import type { Contestant, Entrant, Tempo } from './contestants/contestant.ts'
import { MAX_BYTES, MAX_INFLATED_BYTES } from './damage.ts'
import { faults, type Behaviour, type Fault } from './faults.ts'
import { examine, Journal, type Breach, type Step } from './laws.ts'
import { Publisher } from './publisher.ts'
import { Random } from './random.ts'
import { openScope, type Scope } from './world.ts'
import { HttpWorld } from './worlds/http.ts'

/** Time is real here, since nobody else's clock can be turned. All in milliseconds. */
const TEMPO: Tempo = { interval: 200, timeout: 120, patience: 4_000 }
const RETRY_AFTER = 1_000
const SAMPLE = 3
/** Mostly they wait. Those with short limits must not be kept from meeting them by one another. */
const AT_ONCE = 8
const AT_ONCE_IF_SLOW = 36

export const COMPARED_STATES = ['cold', 'warm', 'initial'] as const
export type ComparedState = (typeof COMPARED_STATES)[number]

/** What is no fault at all, to see that the comparison is fair, and what is one of the contestant's own. */
export const CONTROL = 'control'
export const STOP = 'stop'

/** The faults of an HTTP origin that need nothing of the one who asks. */
export const comparedFaults: readonly Fault[] = faults.filter(
	({ at, does }) => at.http !== undefined && !['unresolvable', 'throw', 'jump'].includes(does.act),
)

export interface ComparedCell {
	readonly fault: string
	readonly state: ComparedState
	readonly breaches: readonly Breach[]
}

/** One entrant under each fault in each state. */
export const compare = async (
	entrant: Entrant,
	onCell: (cell: ComparedCell) => void,
): Promise<readonly ComparedCell[]> => {
	const results: ComparedCell[] = []
	const all = [CONTROL, STOP, ...comparedFaults.map(({ name }) => name)]
	const queue = all.flatMap(fault => COMPARED_STATES.map(state => ({ fault, state })))
	const { path, remove } = await temporaryDirectory()
	const work = async (): Promise<void> => {
		for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
			const { fault, state } = next
			const directory = join(path, `${fault}-${state}`)
			await mkdir(directory)
			const scope = openScope()
			const breaches = await runOne(entrant, fault, state, directory, scope).finally(() => scope.end())
			const cell = { fault, state, breaches }
			results.push(cell)
			onCell(cell)
		}
	}
	// Once for nothing: what is loaded, compiled and connected for the first time takes longer than any limit.
	const warmUp = openScope()
	await mkdir(join(path, 'warm-up'))
	await runOne(entrant, CONTROL, 'cold', join(path, 'warm-up'), warmUp).finally(() => warmUp.end())
	const length = entrant.tempo === undefined ? AT_ONCE : AT_ONCE_IF_SLOW
	await Promise.all(Array.from({ length }, work))
	await remove()
	return results
}

const runOne = async (
	entrant: Entrant,
	fault: string,
	state: ComparedState,
	directory: string,
	scope: Scope,
): Promise<readonly Breach[]> => {
	const publisher = new Publisher({
		random: new Random(fault.length),
		...(entrant.write && { write: entrant.write }),
	})
	publisher.publish()
	const { headers, tempo = TEMPO } = entrant
	const clock = { now: () => Date.now() } as never
	const world = await HttpWorld.open(scope, {
		publisher,
		clock,
		keepAlive: TEMPO.interval,
		...(headers && { headers }),
	})
	const contestant = entrant.create({
		url: world.url,
		interval: tempo.interval,
		timeout: tempo.timeout,
		maxBytes: MAX_BYTES,
		maxInflatedBytes: MAX_INFLATED_BYTES,
		directory,
		...(state === 'initial' && { bundled: publisher.log[0]!.document }),
	})
	scope.teardown(() => contestant.stop())
	const trial = new Trial(world, contestant, tempo)
	const does = comparedFaults.find(({ name }) => name === fault)?.does
	await trial.through(state, does && withShortPatience(does), fault === STOP)
	return trial.breaches
}

/** Nobody waits five minutes here. */
const withShortPatience = (does: Behaviour): Behaviour =>
	does.act === 'status' && does.headers !== undefined
		? { ...does, headers: { 'retry-after': String(RETRY_AFTER / 1000) } }
		: does

class Trial {
	readonly #world: HttpWorld
	readonly #contestant: Contestant
	readonly #tempo: Tempo
	readonly #journal: Journal
	readonly #seen: unknown[] = []
	readonly #breaches = new Map<string, Breach>()

	constructor(world: HttpWorld, contestant: Contestant, tempo: Tempo) {
		this.#world = world
		this.#contestant = contestant
		this.#tempo = tempo
		this.#journal = new Journal(world.publisher)
	}

	/** Each law once. */
	get breaches(): readonly Breach[] {
		return [...this.#breaches.values()]
	}

	async through(state: ComparedState, does: Behaviour | undefined, stops: boolean): Promise<void> {
		const sampler = setInterval(() => this.#sample(), SAMPLE)
		try {
			if (state === 'warm') {
				await this.#contestant.start()
				await this.#until(() => this.#contestant.get() !== undefined)
			}
			if (does !== undefined) await this.#world.misbehave(does)
			await this.#suffer(state !== 'warm', does)
			await this.#recover()
			if (stops) await this.#stop()
		} finally {
			clearInterval(sampler)
		}
	}

	async #suffer(starts: boolean, does: Behaviour | undefined): Promise<void> {
		const world = this.#world
		const { interval, patience } = this.#tempo
		const { asked } = world
		if (starts) await Promise.race([this.#contestant.start(), wait(patience)])
		if (does?.act === 'refuse') await wait(3 * interval)
		else if (does?.act === 'status' && does.headers !== undefined) {
			await this.#until(() => world.asked > asked)
			await wait(RETRY_AFTER)
			const [first = 0, ...others] = world.askedAt.slice(asked)
			// Its answer came a little later, so this is on the safe side.
			this.#examine({ askedTooSoon: others.filter(at => at - first < RETRY_AFTER).length })
		} else {
			await this.#until(() => world.asked >= asked + 3)
			this.#examine({ askedAgain: world.asked > asked + 1 })
		}
		this.#examine({})
	}

	async #recover(): Promise<void> {
		const { publisher } = this.#world
		publisher.publish()
		await this.#world.serve()
		const isThere = (): boolean =>
			this.#journal.placesOf(this.#contestant.get()).includes(publisher.log.length - 1)
		const { asked } = this.#world
		await this.#until(isThere)
		this.#examine({ caughtUpAfter: isThere() ? this.#world.asked - asked : false })
	}

	/** While an answer is on its way, which arrives when nobody should care any more. */
	async #stop(): Promise<void> {
		const world = this.#world
		world.publisher.publish()
		await world.serve()
		const release = world.hold()
		const { asked } = world
		await this.#until(() => world.asked > asked)
		const before = { value: this.#contestant.get() }
		await this.#contestant.stop()
		const askedBefore = world.asked
		release()
		await wait(3 * this.#tempo.interval)
		this.#examine({
			act: 'stop',
			phase: 'stopped',
			before,
			left: { asked: world.asked - askedBefore, open: await world.open() },
		})
	}

	async #until(holds: () => boolean): Promise<void> {
		const deadline = performance.now() + this.#tempo.patience
		while (!holds() && performance.now() < deadline) await wait(SAMPLE)
	}

	#sample(): void {
		const value = this.#contestant.get()
		if (JSON.stringify(value) !== JSON.stringify(this.#seen.at(-1))) this.#seen.push(value)
	}

	#examine(step: Partial<Step>): void {
		this.#sample()
		const after = { value: this.#contestant.get(), seen: this.#seen.splice(0) }
		const whole: Step = { act: 'refresh', phase: 'running', before: after, ...step, after }
		for (const breach of examine(whole, this.#journal)) {
			if (!this.#breaches.has(breach.law)) this.#breaches.set(breach.law, breach)
		}
	}
}
