import { FakeClock } from '../../lib/testing/fake-clock.ts'
import type { Allowed, Behaviour, SourceKind } from './faults.ts'
import { faults } from './faults.ts'
import { examine, Journal, type Breach, type Reported, type Sight, type Tally } from './laws.ts'
import { openWorld } from './matrix.ts'
import { Publisher } from './publisher.ts'
import { Random } from './random.ts'
import { makeTerm, SETTINGS, type Subject, type MakeTerm } from './subject.ts'
import { until } from './until.ts'
import { inTime, Witness } from './witness.ts'
import type { Scope, World } from './world.ts'

export interface WalkOptions {
	readonly seed: number
	/** How many refreshes. */
	readonly steps: number
	readonly kind?: SourceKind
	readonly make?: MakeTerm
	/** How long a term may take to be done with a refresh before the laws look at it, in milliseconds. Default: a minute. */
	readonly patience?: number
	onStep?(done: number): void
}

export interface WalkReport {
	readonly seed: number
	readonly steps: number
	/** The first breach, with what led to it; the walk ends there. */
	readonly breach: (Breach & { readonly step: number; readonly trail: readonly string[] }) | undefined
	/** How often each fault, each outcome and each law had its turn. */
	readonly faults: Tally
	readonly outcomes: Tally
	readonly laws: Tally
}

const DAY = 24 * 3_600_000
const HOUR = 3_600_000
/** How many steps of the trail are told with a breach. */
const TRAIL = 12

/** Refreshes under faults of chance, in an order that the seed decides, each held against the laws. */
export const walk = async (options: WalkOptions, scope: Scope): Promise<WalkReport> => {
	const { seed, kind = 'memory', make = makeTerm } = options
	const random = new Random(seed)
	const clock = new FakeClock()
	const publisher = new Publisher({ random: new Random(seed + 1), now: () => clock.now() })
	const world = await openWorld(kind, scope, { publisher, clock })
	const withStaleness = random.chance(0.5)
	const term = make({
		...SETTINGS,
		staleAfter: withStaleness ? 3 * HOUR : null,
		fetcher: world.createFetcher(),
		clock,
		random: () => random.next(),
		lazyInit: true,
	})
	scope.teardown(() => term.stop())
	const path = new Walk(options, { world, term, clock, random, withStaleness })
	await path.go()
	return path.report
}

interface Ground {
	readonly world: World
	readonly term: Subject
	readonly clock: FakeClock
	readonly random: Random
	readonly withStaleness: boolean
}

class Walk {
	readonly #options: WalkOptions
	readonly #ground: Ground
	readonly #witness: Witness
	readonly #journal: Journal
	readonly #possible: ReadonlyArray<{ name: string; does: Behaviour; cold: Allowed; warm: Allowed }>
	readonly #trail: string[] = []
	readonly #faults: Tally = new Map()
	readonly #outcomes: Tally = new Map()
	readonly #laws: Tally = new Map()
	#step = 0
	#failures = 0
	#breach: WalkReport['breach']

	constructor(options: WalkOptions, ground: Ground) {
		this.#options = options
		this.#ground = ground
		this.#witness = new Witness(ground.term, ground.clock)
		this.#journal = new Journal(ground.world.publisher)
		this.#possible = faults.flatMap(({ name, does, at }) => {
			const allowed = at[ground.world.kind]
			return allowed === undefined || does.act === 'unresolvable' ? [] : [{ name, does, ...allowed }]
		})
	}

	get report(): WalkReport {
		return {
			seed: this.#options.seed,
			steps: this.#step,
			breach: this.#breach,
			faults: this.#faults,
			outcomes: this.#outcomes,
			laws: this.#laws,
		}
	}

	async go(): Promise<void> {
		const { steps, onStep } = this.#options
		const { term, random, world } = this.#ground
		await term.start()
		this.#record(this.#witness.look(), await this.#landing(), undefined)
		while (this.#step < steps && this.#breach === undefined) {
			// Faults last for a while, and so does peace.
			const length = random.integer(1, 6)
			if (random.chance(0.7)) await this.#meet(random.pick(this.#possible), length)
			else {
				if (random.chance(0.6)) world.publisher.publish()
				else if (random.chance(0.3)) world.publisher.goBack()
				await world.serve()
				this.#note('peace')
				await this.#refreshTimes(length, 'success')
			}
			if (random.chance(0.05)) await this.#recover()
			else if (random.chance(0.08)) await this.#rollBack()
			onStep?.(this.#step)
		}
		await this.#recover()
		await this.#stop()
	}

	async #meet(
		{ name, does, cold, warm }: { name: string; does: Behaviour; cold: Allowed; warm: Allowed },
		length: number,
	): Promise<void> {
		const { term, world, clock } = this.#ground
		this.#note(name)
		count(this.#faults, name)
		if (does.act === 'jump' || does.act === 'throw') {
			if (does.act === 'jump') clock.jump(does.by)
			else if (does.in !== 'listener') term.trouble = does.in
			world.publisher.publish()
			await world.serve()
		} else await world.misbehave(does)
		await this.#refreshTimes(length, { cold, warm })
		term.trouble = undefined
		// What broke the connection may be noticed by the next request only.
		if (does.act === 'refuse') await world.serve()
	}

	async #refreshTimes(times: number, expected: Allowed | { cold: Allowed; warm: Allowed }): Promise<void> {
		for (let time = 0; time < times && this.#breach === undefined; time++) {
			const { source, refusedVersion, version } = this.#ground.term.health()
			// What the term calls by a digest of its own cannot be asked about.
			const isWarm = source === 'remote' && version?.startsWith('sha-256:') === false
			const now =
				typeof expected === 'object' && 'cold' in expected ? expected[isWarm ? 'warm' : 'cold'] : expected
			// What was refused before is refused for the same reason as long as the source holds it.
			const mayBeRefused =
				(refusedVersion !== undefined || source === 'rollback') &&
				(now === 'success' || now.includes('FETCH_STATUS'))
			const isSure = isStrict(this.#ground.world.kind) && !mayBeRefused
			await this.#refresh(isSure ? now : undefined)
		}
	}

	async #refresh(allowed: Allowed | undefined): Promise<void> {
		const { term, random, world } = this.#ground
		const before = this.#witness.look()
		const way = random.next()
		if (way < 0.4) await this.#untilDue()
		else {
			void term.update()
			if (way > 0.8) void term.update()
			if (way > 0.9) {
				const tell = (world as Partial<{ tell(): void }>).tell
				// The source speaks up while it is asked: one more refresh has to follow.
				tell?.call(world)
				if (tell !== undefined) {
					this.#record(before, await this.#landing(), allowed, true)
					const again = this.#witness.look()
					await this.#untilDue()
					return this.#record(again, await this.#landing(), allowed)
				}
			}
		}
		this.#record(before, await this.#landing(), allowed)
	}

	async #untilDue(): Promise<void> {
		const { term, clock } = this.#ground
		const { nextRefreshAt } = term.health()
		if (nextRefreshAt !== undefined) await clock.advance(nextRefreshAt - clock.now())
		// Nothing is due: a breach that the last examination has found.
		else void term.update()
	}

	/** An operator takes back what is in place; there may be nothing before it. */
	async #rollBack(): Promise<void> {
		const { term } = this.#ground
		if (this.#breach !== undefined || term.rollback === undefined || term.health().refreshing) return
		const before = this.#witness.look()
		void term.rollback()
		const reported = await this.#landing()
		this.#note(`rollback ${reported.error?.code ?? reported.status}`)
		this.#examine({ act: 'rollback', phase: 'running', before, reported })
	}

	/** Peace, until what was published last is in place. */
	async #recover(): Promise<void> {
		const { world, term } = this.#ground
		if (this.#breach !== undefined) return
		world.publisher.publish()
		await world.serve()
		this.#note('recovery')
		const isThere = (): boolean => this.#journal.placesOf(term.get()).includes(world.publisher.log.length - 1)
		let refreshes = 0
		while (!isThere() && refreshes < 3 && this.#breach === undefined) {
			await this.#refresh(undefined)
			refreshes++
		}
		const caughtUpAfter = isThere() ? refreshes : (false as const)
		this.#examine({ act: 'refresh', phase: 'running', before: this.#witness.look(), caughtUpAfter })
	}

	async #stop(): Promise<void> {
		const { term, clock, world, random } = this.#ground
		if (this.#breach !== undefined) return
		if (random.chance(0.5)) void term.update()
		const before = this.#witness.look()
		this.#witness.takeCalls()
		await inTime(clock, term.stop(), world)
		const { asked } = world
		await clock.advance(DAY)
		this.#examine({
			act: 'stop',
			phase: 'stopped',
			before,
			left: {
				timers: clock.pendingTimers,
				open: await world.open(),
				calls: this.#witness.takeCalls(),
				asked: world.asked - asked,
			},
		})
	}

	async #landing(): Promise<Reported> {
		const { world, clock, withStaleness } = this.#ground
		const landing = await this.#witness.landing(world)
		const most = withStaleness ? 2 : 1
		await until(() => clock.pendingTimers <= most, this.#options.patience)
		return landing
	}

	/** @param told The source has asked to be asked again soon. */
	#record(before: Sight, reported: Reported, allowed: Allowed | undefined, told = false): void {
		this.#step++
		this.#failures = reported.status === 'failed' ? this.#failures + 1 : 0
		const outcome = reported.error?.code ?? reported.status
		count(this.#outcomes, outcome)
		this.#note(outcome)
		const failures = this.#failures
		this.#examine({ act: 'refresh', phase: 'running', before, reported, allowed, failures, told })
	}

	#examine(step: Omit<Parameters<typeof examine>[0], 'after'>): void {
		const after = this.#witness.look(this.#ground.withStaleness ? 1 : 0)
		const [breach] = examine({ ...step, after }, this.#journal, this.#laws)
		if (breach !== undefined) this.#breach ??= { ...breach, step: this.#step, trail: [...this.#trail] }
	}

	#note(what: string): void {
		this.#trail.push(what)
		if (this.#trail.length > TRAIL) this.#trail.shift()
	}
}

/** Over a network a fault can outlast its end by one request, on a connection that it has broken. */
const isStrict = (kind: SourceKind): boolean => kind === 'memory'

export const count = (tally: Tally, name: string): void => void tally.set(name, (tally.get(name) ?? 0) + 1)

export const addTo = (sum: Tally, tally: Tally): void => {
	for (const [name, times] of tally) sum.set(name, (sum.get(name) ?? 0) + times)
}

/** How to have it again. */
export const describeBreach = ({ seed, breach, steps }: WalkReport): string =>
	breach === undefined
		? `Seed ${seed}: ${steps} refreshes without a breach`
		: [
				`Seed ${seed}, step ${breach.step}: ${breach.law}: ${breach.breach}`,
				`  after ${breach.trail.join(' → ')}`,
				`  again: npm run faults -- --seed ${seed} --steps ${breach.step}`,
			].join('\n')
