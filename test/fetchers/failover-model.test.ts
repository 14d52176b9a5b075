import test from 'ava'
import fc from 'fast-check'
import { FailoverFetcher } from '../../fetchers/failover.ts'
import { isNotModified, type Version } from '../../lib/core/fetcher.ts'
import { FakeClock } from '../../lib/testing/fake-clock.ts'
import { context as plainContext } from '../support/context.ts'
import { textOf } from '../support/download.ts'
import { ScriptedSource, trouble } from '../support/scripted-source.ts'

/**
 * A publisher brings out generation after generation; each source gets them in order, but when it likes. Sources fail
 * and heal, the term refuses some of what it is given, time passes.
 */
type Step =
	| { readonly do: 'publish' }
	| { readonly do: 'replicate'; readonly source: number; readonly to: number }
	| { readonly do: 'fail'; readonly source: number; readonly how: number }
	| { readonly do: 'break-body'; readonly source: number }
	| { readonly do: 'heal'; readonly source: number }
	| { readonly do: 'wait'; readonly ms: number }
	| { readonly do: 'refresh'; readonly refuse: Refusal }

/** A term that cannot apply content forgets about it, or remembers its version and asks about that from then on. */
type Refusal = 'no' | 'forgotten' | 'remembered'

const SOURCES = 3
const source = fc.nat(SOURCES - 1)
const step: fc.Arbitrary<Step> = fc.oneof(
	{ weight: 2, arbitrary: fc.record({ do: fc.constant('publish') }) },
	{ weight: 4, arbitrary: fc.record({ do: fc.constant('replicate'), source, to: fc.nat() }) },
	{ weight: 3, arbitrary: fc.record({ do: fc.constant('fail'), source, how: fc.nat(3) }) },
	{ weight: 1, arbitrary: fc.record({ do: fc.constant('break-body'), source }) },
	{ weight: 3, arbitrary: fc.record({ do: fc.constant('heal'), source }) },
	{ weight: 2, arbitrary: fc.record({ do: fc.constant('wait'), ms: fc.constantFrom(1000, 30_000, 60_000) }) },
	{
		weight: 8,
		arbitrary: fc.record({
			do: fc.constant('refresh'),
			refuse: fc.oneof(
				{ weight: 10, arbitrary: fc.constant('no' as const) },
				{ weight: 2, arbitrary: fc.constantFrom('forgotten' as const, 'remembered' as const) },
			),
		}),
	},
)

const FAULTS = [
	trouble('FETCH_FAILED'),
	trouble('FETCH_STATUS', { status: 503 }),
	trouble('FETCH_THROTTLED', { status: 429, retryAfter: 20_000 }),
	trouble('FETCH_TIMEOUT'),
]

class World {
	readonly clock = new FakeClock()
	readonly context = plainContext({ clock: this.clock })
	readonly sources: readonly ScriptedSource[]
	readonly fetcher: FailoverFetcher
	readonly holds: number[]
	readonly #dated: boolean
	latest = 1
	known: Version | undefined
	/** What was refused last, and is asked about in place of `known`. */
	refused: Version | undefined
	/** The generation that the term holds; 0 for none. */
	held = 0

	constructor(dated: boolean) {
		this.#dated = dated
		this.sources = Array.from({ length: SOURCES }, () => new ScriptedSource(''))
		this.holds = this.sources.map(() => 0)
		for (const index of this.sources.keys()) this.replicate(index, 1)
		this.fetcher = new FailoverFetcher([...this.sources])
	}

	replicate(index: number, generation: number): void {
		this.holds[index] = generation
		this.sources[index]!.state = {
			content: `generation ${generation}`,
			version: `${index}/${generation}`,
			...(this.#dated && { publishedAt: generation * 1000 }),
		}
	}

	async do(step: Step): Promise<void> {
		switch (step.do) {
			case 'publish':
				this.latest++
				break
			case 'replicate': {
				const from = this.holds[step.source]!
				this.replicate(step.source, from + (step.to % (this.latest - from + 1)))
				break
			}
			case 'fail':
				this.sources[step.source]!.trouble = FAULTS[step.how]
				break
			case 'break-body':
				this.sources[step.source]!.bodyTrouble = trouble('FETCH_FAILED')
				break
			case 'heal':
				this.heal(step.source)
				break
			case 'wait':
				await this.clock.advance(step.ms)
				break
			case 'refresh':
				await this.refresh(step.refuse)
				break
		}
	}

	heal(index: number): void {
		this.sources[index]!.trouble = undefined
		this.sources[index]!.bodyTrouble = undefined
	}

	async refresh(refuse: Refusal = 'no'): Promise<'failed' | 'unchanged' | 'updated' | 'refused'> {
		const asked = this.refused ?? this.known
		let text: string
		let version: Version | undefined
		try {
			const answer = await this.fetcher.downloadIfChanged(asked, this.context)
			if (isNotModified(answer)) {
				if (this.refused !== undefined && (answer.version ?? asked) !== this.known) return 'refused'
				this.refused = undefined
				return 'unchanged'
			}
			version = answer.version
			text = await textOf(answer)
		} catch {
			return 'failed'
		}
		if (refuse !== 'no') {
			if (refuse === 'remembered') this.refused = version
			return 'refused'
		}
		this.refused = undefined
		this.known = version
		this.held = Number(text.split(' ')[1])
		return 'updated'
	}

	/** Since the last call: who was asked, and about what. */
	takeAsked(): Array<ReadonlyArray<Version | undefined>> {
		return this.sources.map(({ asked }) => asked.splice(0))
	}
}

// The default size makes short scripts, which seldom get as far as a downgrade.
const steps = fc.array(step, { minLength: 5, maxLength: 80, size: 'max' })

test('where sources tell dates, content never goes back', async t => {
	await fc.assert(
		fc.asyncProperty(steps, async script => {
			const world = new World(true)
			await world.fetcher.init(world.context)
			for (const step of script) {
				const before = world.held
				await world.do(step)
				if (world.held < before) throw new Error(`From generation ${before} back to ${world.held}`)
			}
		}),
		{ numRuns: 300 },
	)
	t.pass()
})

test('whether they do or not: own validators only, no needless requests, no false success, nothing left open', async t => {
	await fc.assert(
		fc.asyncProperty(steps, fc.boolean(), async (script, dated) => {
			const world = new World(dated)
			await world.fetcher.init(world.context)
			for (const step of script) {
				if (step.do !== 'refresh') {
					await world.do(step)
					continue
				}
				const outcome = await world.refresh(step.refuse)
				const asked = world.takeAsked()
				for (const [index, conditions] of asked.entries()) {
					if (conditions.length > 1) throw new Error(`Source ${index} was asked twice in one refresh`)
					const [condition] = conditions
					if (condition !== undefined && !condition.startsWith(`${index}/`)) {
						throw new Error(`Source ${index} was asked about ${condition}`)
					}
				}
				const answering = world.sources.filter(
					({ trouble: t, bodyTrouble }) => t === undefined && bodyTrouble === undefined,
				)
				if (answering.length === SOURCES && outcome === 'failed') {
					throw new Error('All sources are well, but the refresh failed')
				}
				if (world.sources.every(({ trouble: fault }) => fault !== undefined) && outcome !== 'failed') {
					throw new Error(`No source answers, but the refresh ${outcome}`)
				}
				if (outcome === 'unchanged' && world.held === 0) {
					throw new Error('Nothing is held, and that is said to be unchanged')
				}
				if (world.sources.some(({ openBodies }) => openBodies !== 0)) throw new Error('A body was left open')
				if (world.clock.pendingTimers !== 0) throw new Error('A timer was left behind')
			}
		}),
		{ numRuns: 300 },
	)
	t.pass()
})

test('when all is well again the newest generation arrives', async t => {
	await fc.assert(
		fc.asyncProperty(steps, fc.boolean(), async (script, dated) => {
			const world = new World(dated)
			await world.fetcher.init(world.context)
			for (const step of script) await world.do(step)
			world.latest++
			for (const index of world.sources.keys()) {
				world.heal(index)
				world.replicate(index, world.latest)
			}
			await world.clock.advance(60_000)
			await world.refresh()
			if (world.held !== world.latest) throw new Error(`Generation ${world.held} of ${world.latest}`)
			world.takeAsked()
			if ((await world.refresh()) !== 'unchanged') throw new Error('Not settled')
			const calls = world.takeAsked().flat().length
			if (calls > 1 && dated) throw new Error(`${calls} requests where one is enough`)
		}),
		{ numRuns: 300 },
	)
	t.pass()
})
