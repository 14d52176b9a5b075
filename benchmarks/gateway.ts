// Claims: a push that is checked in full and synced to the disk costs little more than the sync, many at a time share
// one; reading a configuration is a matter of nanoseconds; a thousand services stored do not slow a push down.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bench, do_not_optimize, run as runAll } from 'mitata'
import { median, type Figure, type RunOptions } from './measure.ts'
import { plot } from './plot.ts'
import { bareServerSink, gatewaySink } from './gateway/over-http.ts'
import { inOwnProcess } from './gateway/own-process.ts'
import { hasSqlite, lmdbSink } from './gateway/sinks.ts'
import {
	contenderOf,
	fill,
	requestType,
	serviceName,
	type Contender,
	type LocalName,
	type Timing,
} from './gateway/workload.ts'

const ROUNDS = 5
const PUSHES = 1_000
const SERVICES = 100
const LANES = 64
const STORED = 1_000
const STORED_ITEMS = 10
const PLOTTED = [10, 100, 1_000, 10_000]

type Name = LocalName | 'bare'

export const run = async (options: RunOptions): Promise<Figure[]> => {
	const directory = await mkdtemp(
		join(process.env['REMOTE_TERM_BENCH_DIRECTORY'] ?? tmpdir(), 'remote-term-bench-'),
	)
	if (!hasSqlite())
		console.error(`  Node ${process.version} has no node:sqlite, which is skipped as a baseline`)
	try {
		const figures = [
			...(await overHttp(directory)),
			...(await pushes(directory)),
			...(await stored(directory)),
			...(await reads(directory)),
		]
		if (options.plot) await draw(directory)
		return figures
	} finally {
		await rm(directory, { recursive: true, force: true })
	}
}

const folder = async (directory: string, name: string): Promise<string> => {
	const path = join(directory, name)
	await mkdir(path)
	return path
}

type Contenders = ReadonlyMap<Name, Contender>

const contenders = async (directory: string): Promise<Contenders> => {
	const names: readonly LocalName[] = ['lmdb', 'log', ...(hasSqlite() ? (['sqlite'] as const) : [])]
	const found = new Map<Name, Contender>()
	for (const name of names) found.set(name, await inOwnProcess(name, directory))
	return found
}

const closeAll = async (all: Contenders): Promise<void> => {
	for (const contender of all.values()) await contender.close()
}

/** All take turns, so that whatever else the machine does falls on all of them alike; the first round warms up. */
const compare = async (
	all: Contenders,
	{ services, lanes }: { readonly services: number; readonly lanes: number },
	from: number,
): Promise<ReadonlyMap<Name, Timing>> => {
	const timings = new Map<Name, Timing[]>()
	for (let round = 0; round <= ROUNDS; round++) {
		for (const [name, contender] of all) {
			const version = from + round * Math.ceil(PUSHES / services)
			const timing = await contender.time({ pushes: PUSHES, services, lanes, version })
			if (round > 0) timings.set(name, [...(timings.get(name) ?? []), timing])
		}
	}
	return new Map(
		[...timings].map(([name, rounds]) => [
			name,
			{
				microsecondsPerPush: median(rounds.map(one => one.microsecondsPerPush)),
				p99: median(rounds.map(one => one.p99)),
			},
		]),
	)
}

const BASELINES = {
	log: 'the same bytes appended to a file, one sync each, nothing checked',
	bare: 'a bare node:http server with JSON.parse and the same transactions by LMDB, nothing checked',
	sqlite: 'the same transactions by node:sqlite (WAL, synchronous = FULL), nothing checked',
} as const

const figures = (
	timings: ReadonlyMap<Name, Timing>,
	claim: (timing: Timing) => string,
	value: (timing: Timing) => number,
	bars: Partial<Record<keyof typeof BASELINES, number>>,
): Figure[] => {
	const ours = timings.get('lmdb')!
	return (['bare', 'sqlite', 'log'] as const).flatMap(name => {
		const baseline = timings.get(name)
		const maxRatio = bars[name]
		if (baseline === undefined) return []
		return [
			{
				claim: claim(ours),
				ours: value(ours),
				baseline: value(baseline),
				unit: 'µs',
				against: BASELINES[name],
				...(maxRatio !== undefined && { maxRatio }),
			},
		]
	})
}

const perSecond = ({ microsecondsPerPush }: Timing): string =>
	`${Math.round(1e6 / microsecondsPerPush).toLocaleString('en')}/s`

const pushes = async (directory: string): Promise<Figure[]> => {
	const all = await contenders(await folder(directory, 'pushes'))
	const alone = await compare(all, { services: SERVICES, lanes: 1 }, 1)
	const many = await compare(all, { services: SERVICES, lanes: LANES }, 1_000)
	await closeAll(all)
	const each = ({ microsecondsPerPush }: Timing): number => microsecondsPerPush
	return [
		...figures(
			alone,
			timing => `a durable push of 5 items, one at a time (ours: ${perSecond(timing)})`,
			each,
			{},
		),
		...figures(
			many,
			timing => `a durable push of 5 items, ${LANES} at a time (ours: ${perSecond(timing)})`,
			each,
			{ sqlite: 1 },
		),
	]
}

/** Client and server share the processors of the machine, ours and the other alike. */
const overHttp = async (directory: string): Promise<Figure[]> => {
	const path = await folder(directory, 'http')
	const all: Contenders = new Map([
		['lmdb', contenderOf(await gatewaySink(path, LANES))],
		['bare', contenderOf(await bareServerSink(path, LANES))],
	])
	const alone = await compare(all, { services: SERVICES, lanes: 1 }, 1)
	const many = await compare(all, { services: SERVICES, lanes: LANES }, 1_000)
	await closeAll(all)
	const each = ({ microsecondsPerPush }: Timing): number => microsecondsPerPush
	const claim =
		(how: string) =>
		(timing: Timing): string =>
			`a durable push of 5 items over HTTP, ${how} (ours: ${perSecond(timing)})`
	return [
		...figures(alone, claim('one at a time'), each, {}),
		...figures(many, claim(`on ${LANES} connections`), each, {}),
	]
}

const stored = async (directory: string): Promise<Figure[]> => {
	const all = await contenders(await folder(directory, 'stored'))
	for (const contender of all.values()) await contender.fill({ from: 0, to: STORED, items: STORED_ITEMS })
	const alone = await compare(all, { services: STORED, lanes: 1 }, 2)
	await closeAll(all)
	const claim = `p99 of a push, one at a time, while ${STORED.toLocaleString('en')} services are stored`
	return figures(
		alone,
		() => claim,
		({ p99 }) => p99,
		{},
	)
}

const COLOURS: Readonly<Record<Name, readonly [name: string, colour: string]>> = {
	lmdb: ['LmdbConfigDb', '#26a'],
	log: ['a log, unchecked', '#999'],
	sqlite: ['node:sqlite, unchecked', '#b33'],
	bare: ['a bare server, unchecked', '#7a4'],
}

/** Each number of services in a database of its own, filled to it before anything is measured. */
const draw = async (directory: string): Promise<void> => {
	const points = new Map<Name, Array<[services: number, milliseconds: number]>>()
	for (const services of PLOTTED) {
		const all = await contenders(await folder(directory, `plot-${services}`))
		for (const contender of all.values()) {
			for (let from = 0; from < services; from += STORED)
				await contender.fill({ from, to: Math.min(services, from + STORED), items: STORED_ITEMS })
		}
		for (const [name, { p99 }] of await compare(all, { services, lanes: 1 }, 2)) {
			points.set(name, [...(points.get(name) ?? []), [services, p99 / 1_000]])
		}
		await closeAll(all)
	}
	const path = fileURLToPath(new URL('../../docs/plots/', import.meta.url))
	await mkdir(path, { recursive: true })
	await writeFile(
		join(path, 'gateway-push.svg'),
		plot(
			'p99 of a durable push, one at a time',
			'services stored',
			'ms',
			[...points].map(([name, all]) => ({ name: COLOURS[name][0], colour: COLOURS[name][1], points: all })),
		),
	)
}

const reads = async (directory: string): Promise<Figure[]> => {
	const sink = await lmdbSink(await folder(directory, 'reads'))
	await fill(sink, { from: 0, to: STORED, items: STORED_ITEMS })
	const { db } = sink
	const map = new Map<string, unknown>()
	const names: Array<readonly [service: string, requestType: string, key: string]> = []
	for (let index = 0; index < 4_096; index++) {
		const service = serviceName((index * 7_919) % STORED)
		const type = requestType((index * 31) % STORED_ITEMS)
		names.push([service, type, `${service} ${type}`])
		map.set(`${service} ${type}`, db.getLatest(service, type))
	}
	let at = 0
	bench('ConfigDb#getLatest', () => {
		const [service, type] = names[at++ & 4_095]!
		do_not_optimize(db.getLatest(service, type))
	})
	bench('Map#get', () => do_not_optimize(map.get(names[at++ & 4_095]![2])))
	const { benchmarks } = await runAll({ format: 'quiet' })
	await sink.close()
	const nanoseconds = (alias: string): number => {
		const stats = benchmarks.find(one => one.alias === alias)?.runs[0]?.stats
		if (stats === undefined) throw new Error(`mitata measured no ${alias}`)
		return stats.p50
	}
	const ours = nanoseconds('ConfigDb#getLatest')
	return [
		{
			claim: `getLatest() of a random request type of ${STORED.toLocaleString('en')} services (ours: ${(1e3 / ours).toFixed(1)} million/s)`,
			ours,
			baseline: nanoseconds('Map#get'),
			unit: 'ns',
			against: 'get of one Map, by a key that is there already',
			limit: 500,
		},
	]
}
