import { getuid } from 'node:process'
import { FakeClock } from '../../lib/testing/fake-clock.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { faults, type Allowed, type Fault, type SourceKind } from './faults.ts'
import { examine, Journal, type Breach, type Sight, type Step, type Tally } from './laws.ts'
import { Publisher } from './publisher.ts'
import { Random } from './random.ts'
import { makeTerm, SETTINGS, type Subject, type MakeTerm } from './subject.ts'
import { nextTurn, until } from './until.ts'
import { inTime, Witness } from './witness.ts'
import type { Scope, World, WorldOptions } from './world.ts'
import { FailoverWorld } from './worlds/failover.ts'
import { FileWorld } from './worlds/file.ts'
import { HttpWorld } from './worlds/http.ts'
import { MemoryWorld } from './worlds/memory.ts'
import { S3World } from './worlds/s3.ts'

/**
 * - `cold`: nothing is in place, and the fault is there from the first question on
 * - `warm`: the term has started well
 * - `initial`: as cold, with a bundled value
 * - `lazy`: as cold, and nobody waits for the start
 * - `restart`: as cold, with what an earlier process has left on disk
 */
export const STATES = ['cold', 'warm', 'initial', 'lazy', 'restart'] as const
export type State = (typeof STATES)[number]

/** One box of the matrix. */
export interface Cell {
	readonly kind: SourceKind
	readonly fault: Fault
	readonly state: State
}

const KINDS: readonly SourceKind[] = ['memory', 'file', 'http', 's3', 'failover']

/** Every source with every fault that it can have, from every state that a term can be in. */
export const cells: readonly Cell[] = KINDS.flatMap(kind =>
	faults
		.filter(({ at }) => at[kind] !== undefined)
		.flatMap(fault => STATES.map(state => ({ kind, fault, state }))),
)

const STARTS: Readonly<Record<State, string>> = {
	cold: 'a cold start',
	warm: 'a running term',
	initial: 'a start with a bundled value',
	lazy: 'a lazy start',
	restart: 'a restart with a snapshot on disk',
}
const SOURCES: Readonly<Record<SourceKind, string>> = {
	memory: 'memory',
	file: 'a file',
	http: 'HTTP',
	s3: 'S3',
	failover: 'two origins',
}

export const sentenceOf = ({ kind, fault, state }: Cell): string =>
	`${STARTS[state]} from ${SOURCES[kind]} outlives ${fault.title}`

/** Root may read everything, so this cannot be had then. */
export const isPossible = ({ fault: { does } }: Cell): boolean =>
	!(does.act === 'file' && does.becomes === 'unreadable' && (getuid === undefined || getuid() === 0))

export const openWorld = async (
	kind: SourceKind,
	scope: Scope,
	options: WorldOptions & { readonly byName?: boolean },
): Promise<World> => {
	switch (kind) {
		case 'memory':
			return new MemoryWorld(options)
		case 'file':
			return FileWorld.open(scope, options)
		case 'http':
			return HttpWorld.open(scope, options)
		case 's3':
			return S3World.open(scope, options)
		case 'failover':
			return FailoverWorld.open(scope, options)
	}
}

export interface CellReport {
	readonly breaches: readonly Breach[]
	/** What refreshes came to while the fault lasted. */
	readonly outcomes: readonly string[]
	readonly tally: Tally
}

/** These end without a trace in the source: its newest edition stays what it was all the time. */
const TRANSIENT: ReadonlySet<string> = new Set([
	'damage',
	'unframed-half',
	'short',
	'reset',
	'silence',
	'throw',
])
/** What was refused for its content is judged again after an hour; and then it is a refresh until it is. */
const HOUR = 3_600_000 + 2 * SETTINGS.refreshInterval
const DAY = 24 * 3_600_000
/** When the faults are over, one refresh may still meet a connection that they have broken. */
const REFRESHES_TO_CATCH_UP = 3

export const runCell = async (
	{ kind, fault, state }: Cell,
	scope: Scope,
	make: MakeTerm = makeTerm,
): Promise<CellReport> => {
	const clock = new FakeClock()
	const publisher = new Publisher({ random: new Random(cells.length), now: () => clock.now() })
	publisher.publish()
	const world = await openWorld(kind, scope, {
		publisher,
		clock,
		byName: fault.does.act === 'unresolvable',
	})
	await world.serve()
	const settings = {
		...SETTINGS,
		clock,
		random: () => 0.5,
		lazyInit: state === 'lazy',
		...(state === 'initial' && { initial: publisher.log[0]!.document }),
		...(state === 'restart' && { lastKnownGood: await directoryIn(scope) }),
	}
	const journal = new Journal(publisher)
	if (state === 'restart') {
		const earlier = make({ ...settings, fetcher: world.createFetcher() })
		scope.teardown(() => earlier.stop())
		await earlier.start()
		journal.position = journal.placesOf(earlier.get()).at(-1)!
		await earlier.stop()
	}
	const term = make({ ...settings, fetcher: world.createFetcher() })
	scope.teardown(() => term.stop())
	const run = new Run(world, term, clock, fault, journal)
	await run.through(state)
	return run
}

const directoryIn = async (scope: Scope): Promise<string> => {
	const { path, remove } = await temporaryDirectory()
	scope.teardown(remove)
	return path
}

/** A term's way through one box: into the fault, through it, out of it, and to its end. */
class Run implements CellReport {
	readonly breaches: Breach[] = []
	readonly outcomes: string[] = []
	readonly tally: Tally = new Map()
	readonly #world: World
	readonly #term: Subject
	readonly #clock: FakeClock
	readonly #fault: Fault
	readonly #witness: Witness
	readonly #journal: Journal
	#isTransient = false
	#patience = 0
	#failures = 0
	#listenerThrows = false

	constructor(world: World, term: Subject, clock: FakeClock, fault: Fault, journal: Journal) {
		this.#world = world
		this.#term = term
		this.#clock = clock
		this.#fault = fault
		this.#journal = journal
		term.on('updated', () => {
			if (this.#listenerThrows) throw new Error('This listener always throws')
		})
		this.#witness = new Witness(term, clock)
	}

	async through(state: State): Promise<void> {
		this.#isTransient = state === 'warm' && TRANSIENT.has(this.#fault.does.act)
		if (state === 'warm') await this.#start('success')
		await this.#begin()
		switch (state) {
			case 'cold':
			case 'restart':
				await this.#startFromNothing()
				break
			case 'initial':
				await this.#start()
				await this.#endure()
				break
			case 'lazy':
				await this.#startLazily()
				await this.#endure()
				break
			case 'warm':
				await this.#endure()
		}
		await this.#catchUp()
		await this.#stopInFlight()
	}

	get #allowed(): Allowed {
		const { cold, warm } = this.#fault.at[this.#world.kind]!
		const { source } = this.#term.health()
		return source === 'remote' || source === 'last-known-good' ? warm : cold
	}

	async #begin(): Promise<void> {
		const { does } = this.#fault
		if (does.act !== 'throw' && does.act !== 'jump') return this.#world.misbehave(does)
		if (does.act === 'jump') this.#clock.jump(does.by)
		else if (does.in === 'listener') this.#listenerThrows = true
		else this.#term.trouble = does.in
		this.#world.publisher.publish()
		await this.#world.serve()
	}

	/**
	 * A source that lied has to tell something new to be believed again. What was only damaged on its way, or met code
	 * that threw, must get in although its name does not change any more: a running term shows that.
	 */
	async #end(): Promise<void> {
		this.#term.trouble = undefined
		if (this.#isTransient) this.#patience = HOUR
		else this.#world.publisher.publish()
		await this.#world.serve()
	}

	async #start(expected?: Allowed): Promise<void> {
		const allowed = expected ?? this.#allowed
		const before = this.#witness.look()
		const { error } = await this.#inTime(
			this.#term.start().then(
				() => ({ error: undefined }),
				(error: unknown) => ({ error }),
			),
		)
		await this.#settle(error === undefined ? 1 : 0)
		const { lastError } = this.#term.health()
		const failed = lastError !== undefined && this.#term.health().consecutiveFailures > 0
		this.#failures = failed ? this.#failures + 1 : 0
		const phase = error === undefined ? 'running' : 'idle'
		const version = this.#term.version
		this.#witness.forgetLandings()
		this.#examine({
			act: 'start',
			phase,
			before,
			allowed,
			failures: this.#failures,
			reported: failed ? { status: 'failed', version, error: lastError } : { status: 'updated', version },
		})
		// Who has a value starts with it; who has none is told why.
		if ((error === undefined) !== (this.#term.get() !== undefined))
			this.#breach(
				'start',
				error === undefined ? 'start() resolved without a value' : `start() rejected with a value in place`,
			)
		if (error !== undefined && error !== lastError)
			this.#breach('start', 'start() rejected with another error')
	}

	/** What is on disk has to pass the term's own code as well, so even a restart may find nothing. */
	async #startFromNothing(): Promise<void> {
		await this.#start()
		if (this.#term.get() !== undefined) return this.#endure()
		await this.#start()
		await this.#end()
		return this.#start('success')
	}

	/** The fault, once by hand, once by the timer, once by two hands; and its end. */
	async #endure(): Promise<void> {
		for (const way of ['update', 'timer', 'twice'] as const) await this.#refresh(way, this.#allowed)
		return this.#end()
	}

	/** The first refresh belongs to the caller who asked for nothing. */
	async #startLazily(): Promise<void> {
		const allowed = this.#allowed
		const before = this.#witness.look()
		await this.#term.start()
		this.#recorded(before, await this.#landing(), allowed)
	}

	async #refresh(way: 'update' | 'timer' | 'twice', allowed: Allowed | undefined): Promise<void> {
		const before = this.#witness.look()
		const { nextRefreshAt } = before.health!
		if (way === 'timer') await this.#clock.advance((nextRefreshAt ?? 0) - this.#clock.now())
		else void this.#term.update()
		if (way === 'twice') void this.#term.update()
		const landing = await this.#landing()
		this.#recorded(before, landing, allowed)
	}

	async #landing(): Promise<NonNullable<Step['reported']>> {
		// What is in flight has changed nothing.
		const landing = await this.#witness.landing(this.#world)
		await this.#settle(1)
		if ('turn' in this.#world) await (this.#world as { turn(): Promise<void> }).turn()
		return landing
	}

	/** What is left of a body that was refused is disposed of behind the refresh, within a limit of its own. */
	async #settle(timers: number): Promise<void> {
		await until(() => this.#clock.pendingTimers <= timers)
	}

	#recorded(before: Sight, reported: NonNullable<Step['reported']>, allowed?: Allowed): void {
		this.#failures = reported.status === 'failed' ? this.#failures + 1 : 0
		this.outcomes.push(reported.error?.code ?? reported.status)
		this.#examine({ act: 'refresh', phase: 'running', before, reported, allowed, failures: this.#failures })
	}

	async #catchUp(): Promise<void> {
		const { publisher } = this.#world
		const isThere = (): boolean => this.#journal.placesOf(this.#term.get()).includes(publisher.log.length - 1)
		const until = this.#clock.monotonic() + this.#patience
		let refreshes = 0
		while (!isThere() && (refreshes < REFRESHES_TO_CATCH_UP || this.#clock.monotonic() < until)) {
			await this.#refresh('timer', undefined)
			refreshes++
		}
		this.#examine({
			act: 'refresh',
			phase: 'running',
			before: this.#witness.look(),
			failures: this.#failures,
			caughtUpAfter: isThere() ? refreshes : false,
		})
	}

	/** Stops in the midst of what takes longest where there is such a thing, and waits for a day. */
	async #stopInFlight(): Promise<void> {
		const { does } = this.#fault
		if (does.act === 'silence') {
			await this.#world.misbehave(does)
			void this.#term.update()
			while (!this.#world.silent) await nextTurn()
		}
		const before = this.#witness.look()
		this.#witness.takeCalls()
		const stopped = this.#inTime(this.#term.stop())
		await stopped
		const { asked } = this.#world
		await this.#clock.advance(DAY)
		await this.#world.serve()
		this.#examine({
			act: 'stop',
			phase: 'stopped',
			before,
			left: {
				timers: this.#clock.pendingTimers,
				open: await this.#world.open(),
				calls: this.#witness.takeCalls(),
				asked: this.#world.asked - asked,
			},
		})
	}

	#inTime<Result>(work: Promise<Result>): Promise<Result> {
		return inTime(this.#clock, work, this.#world)
	}

	#examine(step: Omit<Step, 'after'>): void {
		this.breaches.push(...examine({ ...step, after: this.#witness.look() }, this.#journal, this.tally))
	}

	#breach(law: string, breach: string): void {
		this.breaches.push({ law, breach })
	}
}
