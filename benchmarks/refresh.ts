// Claims: an unchanged refresh costs little more CPU than the conditional GET in it; a changed one little more than
// gunzip and JSON.parse; importing the library does not slow a start.
import { execFile, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gunzipSync, gzipSync } from 'node:zlib'
import { json, RemoteTerm, type Fetcher } from 'remote-term'
import { HttpFetcher } from 'remote-term/fetchers/http'
import { Agent, request } from 'undici'
import { cpuOf, median, type Figure } from './measure.ts'
import { largeDocument } from './documents.ts'

class Document extends RemoteTerm<unknown> {
	protected override deserialize = json<unknown>
}

export const run = async (): Promise<Figure[]> => {
	const origin = fork(fileURLToPath(new URL('./origin.js', import.meta.url)), { execArgv: [] })
	const [{ url }] = (await once(origin, 'message')) as [{ url: string }]
	try {
		return [
			await unchanged(`${url}/small`),
			await changed(),
			await changedOverHttp(`${url}/changing`),
			await importTime(),
		]
	} finally {
		origin.kill()
	}
}

const unchanged = async (url: string): Promise<Figure> => {
	const term = await new Document({
		fetcher: new HttpFetcher({ url }),
		refreshInterval: null,
		logger: false,
	}).start()
	const dispatcher = new Agent()
	const headers = { 'if-none-match': term.version!, 'accept-encoding': 'gzip' }
	const bare = async (): Promise<void> => {
		const { statusCode, body } = await request(url, { dispatcher, headers })
		await body.dump()
		if (statusCode !== 304) throw new Error(`Expected 304, got ${statusCode}`)
	}
	const ours = async (): Promise<void> => {
		const { status } = await term.update()
		if (status !== 'unchanged') throw new Error(`Expected unchanged, got ${status}`)
	}
	const [oursMs, bareMs] = await cpuOf(
		[
			{ name: 'term.update()', run: ours },
			{ name: 'undici', run: bare },
		],
		{ rounds: 25, runsPerRound: 1_000 },
	)
	await term.stop()
	await dispatcher.close()
	return {
		claim: 'an unchanged refresh over HTTP, CPU',
		ours: oursMs! * 1000,
		baseline: bareMs! * 1000,
		unit: 'µs',
		against: 'bare undici conditional GET',
		maxRatio: 1.25,
	}
}

/** Two bodies of the same document, which differ in one byte, in turns. */
const turns = (): (() => { body: Uint8Array; version: string }) => {
	const text = JSON.stringify(largeDocument(30_000_000))
	const bodies = [gzipSync(text), gzipSync(`${text} `)]
	let turn = 0
	return () => ({ body: bodies[++turn % 2]!, version: String(turn) })
}

const changed = async (): Promise<Figure> => {
	const next = turns()
	const fetcher: Fetcher = {
		init: async () => {},
		currentVersion: async () => 'always another',
		download: async () => {
			const { body, version } = next()
			return { body: inPieces(body), version, size: body.length }
		},
	}
	const term = await new Document({ fetcher, refreshInterval: null, logger: false }).start()
	let held: unknown
	const [oursMs, byHandMs] = await cpuOf(
		[
			{ name: 'term.update()', run: async () => expectUpdated(term) },
			{
				name: 'by hand',
				run: async () => (held = JSON.parse(gunzipSync(next().body) as unknown as string) as unknown),
			},
		],
		{ rounds: 9, collect: true },
	)
	if (held === undefined) throw new Error('nothing was parsed')
	await term.stop()
	return {
		claim: 'a changed refresh of a 30 MB JSON document, CPU',
		ours: oursMs!,
		baseline: byHandMs!,
		unit: 'ms',
		against: 'gunzipSync and JSON.parse by hand, no download',
		maxRatio: 1.1,
	}
}

const changedOverHttp = async (url: string): Promise<Figure> => {
	const term = await new Document({
		fetcher: new HttpFetcher({ url }),
		refreshInterval: null,
		logger: false,
	}).start()
	const dispatcher = new Agent()
	let held: unknown
	const byHand = async (): Promise<void> => {
		const { body } = await request(url, { dispatcher })
		held = JSON.parse(gunzipSync(await body.arrayBuffer()) as unknown as string)
	}
	const [oursMs, byHandMs] = await cpuOf(
		[
			{ name: 'term.update()', run: async () => expectUpdated(term) },
			{ name: 'by hand', run: byHand },
		],
		{ rounds: 9, collect: true },
	)
	if (held === undefined) throw new Error('nothing was parsed')
	await term.stop()
	await dispatcher.close()
	return {
		claim: 'the same over HTTP, CPU',
		ours: oursMs!,
		baseline: byHandMs!,
		unit: 'ms',
		against: 'bare undici GET, gunzipSync and JSON.parse by hand',
		maxRatio: 1.1,
	}
}

const expectUpdated = async (term: RemoteTerm<unknown>): Promise<void> => {
	const { status } = await term.update()
	if (status !== 'updated') throw new Error(`Expected updated, got ${status}`)
}

async function* inPieces(body: Uint8Array): AsyncIterable<Uint8Array> {
	for (let offset = 0; offset < body.length; offset += 65_536) yield body.subarray(offset, offset + 65_536)
}

const importTime = async (): Promise<Figure> => {
	const timed = async (specifier: string): Promise<number> => {
		const script = `const began = performance.now(); await import(${JSON.stringify(specifier)}); console.log(performance.now() - began)`
		const { stdout } = await promisify(execFile)(
			process.execPath,
			['--input-type=module', '--eval', script],
			{ cwd: fileURLToPath(new URL('../..', import.meta.url)) },
		)
		return Number(stdout)
	}
	const ours: number[] = []
	const baseline: number[] = []
	for (let round = 0; round < 9; round++) {
		ours.push(await timed('remote-term'))
		baseline.push(await timed('node:util'))
	}
	return {
		claim: "import 'remote-term' in a fresh process",
		ours: median(ours),
		baseline: median(baseline),
		unit: 'ms',
		against: "import 'node:util'",
		limit: 40,
	}
}
