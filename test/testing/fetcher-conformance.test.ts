import test from 'ava'
import { reasonOf } from '../../lib/core/clock.ts'
import { RemoteTermError } from '../../lib/core/errors.ts'
import { isValue, type DownloadedBody, type Fetcher } from '../../lib/core/fetcher.ts'
import {
	FakeFetcher,
	fetcherConformance,
	type FakeFetcherOptions,
	type FetcherCapabilities,
	type FetcherConformanceOptions,
	type FetcherHarness,
} from '../../lib/testing/index.ts'

type Override = (real: FakeFetcher, content: () => Uint8Array) => Partial<Fetcher>

interface Mutant {
	/** What is wrong with it. */
	readonly name: string
	readonly override: Override
	/** The check that must catch it; others may, too. */
	readonly caughtBy: string
	readonly capabilities?: Partial<FetcherCapabilities>
	readonly options?: FakeFetcherOptions
	readonly extras?: { readonly version: null }
}

const CHUNK = 16_384
const LARGE = 8 * CHUNK

/** The titles of the checks that a fetcher fails, out of all that apply to it. */
const failures = async (
	create: FetcherConformanceOptions['create'],
	capabilities: Partial<FetcherCapabilities>,
	limit = 10_000,
): Promise<{ failed: string[]; titles: string[] }> => {
	const checks: Array<{ title: string; run: () => Promise<void> }> = []
	fetcherConformance({
		test: (title, run) => checks.push({ title, run }),
		create,
		capabilities: { watch: true, beside: true, ...capabilities },
		limit,
		largeBody: LARGE,
	})
	const failed = await Promise.all(
		checks.map(({ title, run }) =>
			run().then(
				() => [],
				() => [title],
			),
		),
	)
	return { failed: failed.flat(), titles: checks.map(({ title }) => title) }
}

const harnessOf =
	({ override, options, extras = undefined }: Pick<Mutant, 'override' | 'options' | 'extras'>) =>
	(initial: Uint8Array): FetcherHarness => {
		let content = initial
		const real = new FakeFetcher(undefined, { chunkSize: CHUNK, ...options })
		real.publish(content, extras)
		const fetcher: Fetcher = {
			init: context => real.init(context),
			currentVersion: context => real.currentVersion(context),
			download: context => real.download(context),
			...(real.downloadIfChanged && { downloadIfChanged: real.downloadIfChanged }),
			...(real.watch && { watch: real.watch }),
			beside: suffix => real.beside(suffix),
			close: () => real.close(),
			...override(real, () => content),
		}
		return {
			fetcher,
			publish: async bytes => {
				content = bytes
				real.publish(bytes, extras)
			},
			publishBeside: async (suffix, bytes) => void real.publishBeside(suffix, bytes),
			unpublish: async () => real.unpublish(),
			openBodies: () => real.openBodies,
		}
	}

/** A fetcher whose every body is changed. */
const withBodies =
	(change: (body: DownloadedBody, signal: AbortSignal) => DownloadedBody): Override =>
	real => ({
		async download(context) {
			const download = await real.download(context)
			return isValue(download) ? download : change(download, context.signal)
		},
		async downloadIfChanged(known, context) {
			const answer = await real.downloadIfChanged!(known, context)
			return 'body' in answer ? change(answer, context.signal) : answer
		},
	})

const chunksOf = (body: DownloadedBody['body']): AsyncIterable<Uint8Array> =>
	body as AsyncIterable<Uint8Array>

async function* mapped(body: DownloadedBody['body'], map: (chunk: Uint8Array, index: number) => Uint8Array) {
	let index = 0
	for await (const chunk of chunksOf(body)) yield map(chunk, index++)
}

/** Read to its end behind everybody's back, so that it can be handed out without heeding anything. */
async function* buffered(body: DownloadedBody['body']) {
	const chunks: Uint8Array[] = []
	for await (const chunk of chunksOf(body)) chunks.push(chunk)
	yield* chunks
}

const quietly = (run: () => void): void => {
	try {
		run()
	} catch {
		// That it harms nobody is not what is wrong with this one.
	}
}

const never = (): AbortSignal => new AbortController().signal

const mutants: readonly Mutant[] = [
	{
		name: 'drops a byte',
		override: withBodies(({ size: _, ...body }) => ({
			...body,
			body: mapped(body.body, (chunk, index) => (index === 0 ? chunk.subarray(1) : chunk)),
		})),
		caughtBy: 'download delivers exactly what the source holds',
	},
	{
		name: 'changes a byte far within a large body',
		override: withBodies(body => ({
			...body,
			body: mapped(body.body, (chunk, index) => (index === 5 ? chunk.map(byte => byte ^ 1) : chunk)),
		})),
		caughtBy: 'a large body arrives whole, in chunks that stay as they were',
	},
	{
		name: 'uses one buffer for all chunks',
		override: withBodies(body => {
			const shared = new Uint8Array(CHUNK)
			return {
				...body,
				body: mapped(body.body, chunk => {
					shared.set(chunk)
					return shared.subarray(0, chunk.length)
				}),
			}
		}),
		caughtBy: 'a large body arrives whole, in chunks that stay as they were',
	},
	{
		name: 'gives a wrong size',
		override: withBodies(body => ({ ...body, size: 1 + (body.size ?? 0) })),
		caughtBy: 'download delivers exactly what the source holds',
	},
	{
		name: 'hands out its own bytes',
		override: (real, content) => ({
			download: async context => ({
				body: content(),
				version: await real.currentVersion(context),
			}),
		}),
		caughtBy: 'a second download delivers the same, whatever became of the first one’s bytes',
	},
	{
		name: 'can do one download at a time',
		override: real => {
			let busy = false
			return {
				async download(context) {
					if (busy) throw new Error('busy')
					busy = true
					await new Promise(setImmediate)
					busy = false
					return real.download(context)
				},
			}
		},
		caughtBy: 'two downloads at once deliver the same, each for itself',
	},
	{
		name: 'reads the body when it is asked for it, whatever the source holds then',
		override: (_real, content) => ({
			download: async ({ signal }) => {
				signal.throwIfAborted()
				const version = String(content()[0])
				return {
					version,
					body: (async function* () {
						for (let offset = 0; offset < content().length; offset += CHUNK)
							yield content().slice(offset, offset + CHUNK)
					})(),
				}
			},
		}),
		caughtBy: 'bytes never arrive under the version of others, though the source changes while they are read',
	},
	{
		name: 'gives other versions with its bytes than by itself',
		override: withBodies(body => ({ ...body, version: `${body.version}'` })),
		caughtBy: 'currentVersion is the version that a download has',
	},
	{
		name: 'gives no versions but is said to',
		override: withBodies(({ version: _, ...body }) => body),
		caughtBy: 'currentVersion is the version that a download has',
	},
	{
		name: 'goes by the size',
		override: (real, content) => ({
			currentVersion: async context => {
				await real.currentVersion(context)
				return String(content().length)
			},
			...withBodies(body => ({ ...body, version: String(content().length) }))(real, content),
		}),
		caughtBy: 'what is published is what is downloaded next, under a version of its own',
	},
	{
		name: 'asks for the version before the bytes, and remembers it',
		override: real => {
			let remembered: string | undefined
			return {
				currentVersion: async context => (remembered = await real.currentVersion(context)),
				async download(context) {
					const download = await real.download(context)
					return { ...download, version: remembered ?? download.version! }
				},
			}
		},
		caughtBy:
			'currentVersion changes with the content, and download gives the version of the bytes that it brings',
	},
	{
		name: 'always says notModified of a known version',
		override: real => ({
			downloadIfChanged: async (known, context) =>
				known === undefined ? real.downloadIfChanged!(known, context) : { notModified: true },
		}),
		caughtBy: 'downloadIfChanged delivers what was published, and then says notModified of it',
	},
	{
		name: 'says notModified where nothing is known',
		override: () => ({ downloadIfChanged: async () => ({ notModified: true }) }),
		caughtBy: 'downloadIfChanged delivers where nothing is known',
	},
	{
		name: 'never says notModified',
		override: real => ({ downloadIfChanged: async (_, context) => real.download(context) }),
		caughtBy: 'downloadIfChanged says notModified of the version just served, as often as it is asked',
	},
	{
		name: 'says notModified of every version that it ever had',
		override: real => {
			const had = new Set<string>()
			return {
				async downloadIfChanged(known, context) {
					if (known !== undefined && had.has(known)) return { notModified: true }
					const answer = await real.downloadIfChanged!(undefined, context)
					if ('version' in answer && answer.version !== undefined) had.add(answer.version)
					return answer
				},
				async download(context) {
					const answer = await real.download(context)
					if (answer.version !== undefined) had.add(answer.version)
					return answer
				},
			}
		},
		caughtBy: 'a version that the source held once is not the one that it holds now',
	},
	{
		name: 'puts any version into a header',
		override: real => ({
			async downloadIfChanged(known, context) {
				if (known !== undefined) new Headers({ 'if-none-match': known })
				return real.downloadIfChanged!(known, context)
			},
		}),
		caughtBy:
			'downloadIfChanged delivers where the known version is none of the source’s: one with CR and LF',
	},
	{
		name: 'takes the empty version for its own',
		override: real => ({
			downloadIfChanged: async (known, context) =>
				known === '' ? { notModified: true } : real.downloadIfChanged!(known, context),
		}),
		caughtBy: 'downloadIfChanged delivers where the known version is none of the source’s: an empty one',
	},
	{
		name: 'has no versions, yet one that stays',
		override: () => ({ currentVersion: async () => 'now' }),
		capabilities: { versions: 'none' },
		extras: { version: null },
		caughtBy: 'currentVersion of a source without versions is a new one each time',
	},
	{
		name: 'has no versions, yet says notModified',
		override: real => ({
			downloadIfChanged: async (known, context) =>
				known === undefined ? real.downloadIfChanged!(known, context) : { notModified: true },
		}),
		capabilities: { versions: 'none' },
		extras: { version: null },
		caughtBy: 'downloadIfChanged of a source without versions always delivers',
	},
	{
		name: 'takes nothing for empty',
		override: real => ({
			download: async context =>
				real.download(context).catch((error: unknown) => {
					if ((error as RemoteTermError).code !== 'FETCH_NOT_FOUND') throw error
					return { body: new Uint8Array(0), version: '' }
				}),
		}),
		caughtBy: 'a source that holds nothing rejects with FETCH_NOT_FOUND, and recovers',
	},
	{
		name: 'does not recover',
		override: real => {
			let dead: Error | undefined
			return {
				async download(context) {
					if (dead) throw dead
					return real.download(context).catch((error: unknown) => {
						dead = error as Error
						throw dead
					})
				},
			}
		},
		caughtBy: 'a source that holds nothing rejects with FETCH_NOT_FOUND, and recovers',
	},
	{
		name: 'does not look at the signal before it begins',
		override: real => ({
			currentVersion: async context => real.currentVersion({ ...context, signal: never() }),
		}),
		caughtBy: 'a call whose signal is aborted already rejects with its reason',
	},
	{
		name: 'rejects with an AbortError',
		override: real => ({
			async download(context) {
				if (context.signal.aborted) throw new DOMException('aborted', 'AbortError')
				return real.download(context)
			},
		}),
		caughtBy: 'a call whose signal is aborted already rejects with its reason',
	},
	{
		name: 'rejects with a foreign reason as it is',
		override: real => ({
			async download(context) {
				context.signal.throwIfAborted()
				return real.download(context)
			},
		}),
		caughtBy: 'a foreign reason becomes the cause of STOPPED',
	},
	{
		name: 'hangs when it is aborted under way',
		override: real => ({
			async download(context) {
				await new Promise(setImmediate)
				return context.signal.aborted ? new Promise(() => {}) : real.download(context)
			},
		}),
		caughtBy: 'a call aborted under way rejects with the reason, unless it was quicker',
	},
	{
		name: 'does not heed the signal within a body',
		override: real => ({ download: async context => ignoring(real, context) }),
		caughtBy: 'a body aborted in its midst rejects with the reason and is freed',
	},
	{
		name: 'ends a body that is aborted as if it were whole',
		override: withBodies((body, signal) => ({
			...body,
			body: (async function* () {
				try {
					yield* chunksOf(body.body)
				} catch (error) {
					if (!signal.aborted) throw error
				}
			})(),
		})),
		caughtBy: 'a body aborted in its midst rejects with the reason and is freed',
	},
	{
		name: 'keeps an aborted body open if nobody reads it',
		override: real => ({
			async download(context) {
				if (context.signal.aborted) return real.download(context)
				const download = (await real.download({ ...context, signal: never() })) as DownloadedBody
				return {
					...download,
					body: (async function* () {
						try {
							for await (const chunk of chunksOf(download.body)) {
								if (context.signal.aborted) throw reasonOf(context.signal)
								yield chunk
							}
						} finally {
							await download.cancel?.()
						}
					})(),
				}
			},
		}),
		caughtBy: 'a body that nobody reads is freed when the signal is aborted',
	},
	{
		name: 'does nothing on cancel()',
		override: withBodies(body => ({ ...body, cancel() {} })),
		caughtBy: 'a body given up by cancel() is freed, and the fetcher goes on',
	},
	{
		name: 'throws on a second cancel()',
		override: withBodies(body => {
			let cancelled = false
			return {
				...body,
				async cancel() {
					if (cancelled) throw new Error('cancelled already')
					cancelled = true
					await body.cancel?.()
				},
			}
		}),
		caughtBy: 'a body given up by cancel() is freed, and the fetcher goes on',
	},
	{
		name: 'throws on cancel() after the end',
		override: withBodies(body => {
			let ended = false
			return {
				...body,
				body: (async function* () {
					yield* chunksOf(body.body)
					ended = true
				})(),
				async cancel() {
					if (ended) throw new Error('ended already')
					await body.cancel?.()
				},
			}
		}),
		caughtBy: 'cancel() after the end of a body does nothing',
	},
	{
		name: 'does not notice that its iteration is left',
		override: withBodies(body => {
			const iterator = chunksOf(body.body)[Symbol.asyncIterator]()
			return { ...body, body: { [Symbol.asyncIterator]: () => ({ next: () => iterator.next() }) } }
		}),
		caughtBy: 'a body given up by leaving its iteration is freed, and the fetcher goes on',
	},
	{
		name: 'takes an empty source for a failure',
		override: (real, content) => ({
			async download(context) {
				if (content().length === 0) throw new RemoteTermError('FETCH_STATUS', 'no content')
				return real.download(context)
			},
		}),
		caughtBy: 'a source that holds no bytes delivers none, or says so',
	},
	{
		name: 'never calls onChange',
		override: () => ({ watch: () => ({ [Symbol.dispose]() {} }) }),
		caughtBy: 'watch calls onChange after each publish, with the new content there to be downloaded',
	},
	{
		name: 'calls onChange once',
		override: real => ({
			watch(onChange, context) {
				let told = false
				return real.watch!(() => {
					if (!told) onChange()
					told = true
				}, context)
			},
		}),
		caughtBy: 'watch tells of content that comes back',
	},
	{
		name: 'calls onChange after it is disposed of',
		override: real => ({
			watch(onChange, context) {
				real.watch!(onChange, context)
				return { [Symbol.dispose]() {} }
			},
		}),
		caughtBy: 'watch says nothing more once it is disposed of, which may be done twice',
	},
	{
		name: 'calls an onChange that waited for a timer when it was disposed of',
		override: real => ({
			watch: (onChange, context) => real.watch!(() => setTimeout(() => quietly(onChange), 10), context),
		}),
		caughtBy: 'watch says nothing more once it is disposed of, which may be done twice',
	},
	{
		name: 'throws when a watch is disposed of twice',
		override: real => ({
			watch(onChange, context) {
				const watch = real.watch!(onChange, context)
				let disposed = false
				return {
					[Symbol.dispose]() {
						if (disposed) throw new Error('disposed of already')
						disposed = true
						watch[Symbol.dispose]()
					},
				}
			},
		}),
		caughtBy: 'watch says nothing more once it is disposed of, which may be done twice',
	},
	{
		name: 'goes on watching after the abort',
		override: real => ({
			watch: (onChange, context) => real.watch!(onChange, { ...context, signal: never() }),
		}),
		caughtBy: 'watch says nothing more once its signal is aborted',
	},
	{
		name: 'watches though the signal was aborted before',
		override: real => ({
			watch: (onChange, context) =>
				real.watch!(onChange, context.signal.aborted ? { ...context, signal: never() } : context),
		}),
		caughtBy: 'watch says nothing at all if its signal was aborted before',
	},
	{
		name: 'ends all watches when one onChange throws',
		override: real => {
			let broken = false
			return {
				watch: (onChange, context) =>
					real.watch!(() => {
						if (broken) return
						broken = true
						onChange()
						broken = false
					}, context),
			}
		},
		caughtBy: 'an onChange that throws harms nobody',
	},
	{
		name: 'cannot be initialised',
		override: () => ({ init: async () => Promise.reject(new Error('no')) }),
		caughtBy: 'download delivers exactly what the source holds',
	},
	{
		name: 'cannot be closed',
		override: () => ({ close: async () => Promise.reject(new Error('no')) }),
		caughtBy: 'download delivers exactly what the source holds',
	},
	{
		name: 'hangs when it is closed',
		override: () => ({ close: () => new Promise(() => {}) }),
		caughtBy: 'download delivers exactly what the source holds',
	},
	{
		name: 'has a watch of which the suite was told nothing',
		override: () => ({}),
		capabilities: { watch: false },
		caughtBy: 'download delivers exactly what the source holds',
	},
	{
		name: 'has a beside of which the suite was told nothing',
		override: () => ({}),
		capabilities: { beside: false },
		caughtBy: 'download delivers exactly what the source holds',
	},
	{
		name: 'finds the same beside whatever the suffix',
		override: real => ({ beside: () => real.beside('.sig') }),
		caughtBy: 'what lies beside is found under its suffix, as it is now, and under no other',
	},
	{
		name: 'finds itself beside',
		override: real => ({ beside: () => ({ ...methodsOf(real), close: async () => {} }) }),
		caughtBy: 'nothing beside is FETCH_NOT_FOUND, and the content is there all the same',
	},
	{
		name: 'is closed with what lies beside',
		override(real) {
			let closed = false
			return {
				beside: () => ({ ...methodsOf(real), close: async () => void (closed = true) }),
				download: async context => {
					if (closed) throw new RemoteTermError('NOT_STARTED', 'Closed')
					return real.download(context)
				},
			}
		},
		caughtBy: 'closing what lies beside does not close the fetcher',
	},
	{
		name: 'lacks the downloadIfChanged of which the suite was told',
		override: () => ({}),
		options: { conditional: false },
		caughtBy: 'download delivers exactly what the source holds',
	},
]

const methodsOf = (real: FakeFetcher): Fetcher => ({
	init: context => real.init(context),
	currentVersion: context => real.currentVersion(context),
	download: context => real.download(context),
})

const ignoring = async (real: FakeFetcher, context: Parameters<Fetcher['download']>[0]) => {
	const download = await real.download(context)
	return isValue(download) ? download : { ...download, body: buffered(download.body) }
}

const correct = { override: () => ({}) }

test('the fetcher that the mutants are made of passes every check', async t => {
	const { failed, titles } = await failures(harnessOf(correct), {})
	t.deepEqual(failed, [])
	t.true(titles.length > 30)
})

test('and so it does without versions', async t => {
	const { failed } = await failures(harnessOf({ ...correct, extras: { version: null } }), {
		versions: 'none',
	})
	t.deepEqual(failed, [])
})

for (const { name, caughtBy, capabilities = {}, ...mutant } of mutants) {
	test(`a fetcher that ${name} is caught`, async t => {
		const { failed, titles } = await failures(harnessOf(mutant), capabilities, 400)
		t.true(titles.includes(caughtBy))
		t.true(failed.includes(caughtBy), `failed: ${failed.join('; ')}`)
	})
}

test('every check is one that some mutant fails', async t => {
	const { titles } = await failures(harnessOf(correct), {})
	const caught = new Set(mutants.map(({ caughtBy }) => caughtBy))
	const foreign = /^downloadIfChanged delivers where the known version is none of the source’s/
	t.deepEqual(
		titles.filter(title => !caught.has(title) && !foreign.test(title)),
		[],
	)
})
