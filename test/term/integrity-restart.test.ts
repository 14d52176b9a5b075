import { readdir, readFile, writeFile } from 'node:fs/promises'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import test, { type ExecutionContext } from 'ava'
import { HttpFetcher } from '../../fetchers/http.ts'
import { RemoteTermError } from '../../lib/core/errors.ts'
import type { RemoteTermOptions } from '../../lib/term/options.ts'
import { FakeClock } from '../../lib/testing/fake-clock.ts'
import { serveFiles } from '../support/file-origin.ts'
import { createPublisher, sha256 } from '../support/publisher.ts'
import { recordingLogger } from '../support/recording-logger.ts'
import { folder } from '../support/snapshots.ts'
import { RatesTerm, type Rates } from '../support/terms.ts'

const FILE = '/rates.json'
const [ONE, TWO] = ['{"EUR":1}', '{"EUR":2}'] as const

const setUp = async (t: ExecutionContext, headers: Readonly<Record<string, string>> = {}) => {
	const [origin, publisher, directory] = await Promise.all([serveFiles(t), createPublisher(), folder(t)])
	const logger = recordingLogger()
	const publish = async (body: string, sequence: number): Promise<void> => {
		origin.publish(FILE, 'content-encoding' in headers ? gzipSync(body) : body, headers)
		origin.publish(`${FILE}.sig`, await publisher.sign(body, sequence))
	}
	/** One life of the service, from start to end. */
	const live = async <Result>(
		act: (term: RatesTerm) => Result | Promise<Result>,
		options: Partial<RemoteTermOptions<Rates>> = {},
	): Promise<Result> => {
		const term = new RatesTerm({
			name: 'rates',
			fetcher: new HttpFetcher({ url: new URL(FILE, origin.url) }),
			integrity: { publicKeys: [publisher.publicKey] },
			lastKnownGood: directory,
			clock: new FakeClock(),
			logger,
			...options,
		})
		try {
			await term.start()
			return await act(term)
		} finally {
			await term.stop()
		}
	}
	return { origin, publisher, publish, live, directory, logger }
}

const codeOf = (thrown: unknown): string | undefined =>
	thrown instanceof RemoteTermError ? thrown.code : undefined

/** Changes a snapshot as somebody would who knows the format: digest and checksum fit again. */
const forge = async (directory: string, from: string, to: string): Promise<void> => {
	const [file] = (await readdir(directory)).sort().reverse()
	const path = join(directory, file!)
	const bytes = await readFile(path)
	const content = bytes
		.subarray(0, -32)
		.toString('latin1')
		.replace(from, to)
		.replace(`"digest":"${sha256(from)}"`, `"digest":"${sha256(to)}"`)
	const body = Buffer.from(content, 'latin1')
	await writeFile(path, Buffer.concat([body, createHash('sha256').update(body).digest()]))
}

for (const [name, headers] of [
	['', {}],
	[', compressed on the fly', { 'content-encoding': 'gzip' }],
] as const) {
	test(`a restart while the source is down uses the signed snapshot${name}`, async t => {
		const { origin, publish, live } = await setUp(t, headers)
		await publish(ONE, 5)
		await live(() => {})
		origin.down = true
		await live(term => {
			t.deepEqual(term.get(), { EUR: 1 })
			t.is(term.health().source, 'last-known-good')
		})
	})

	test(`the lowest sequence is known after a restart too${name}`, async t => {
		const { publish, live } = await setUp(t, headers)
		await publish(ONE, 5)
		await live(() => {})
		await publish(TWO, 4)
		await live(async term => {
			t.is(term.health().source, 'last-known-good')
			t.deepEqual(term.get(), { EUR: 1 })
			t.is(term.health().lastError?.code, 'ROLLBACK_REFUSED')
			await publish(TWO, 6)
			t.is((await term.update()).status, 'updated')
		})
	})
}

test('a forged snapshot is refused, and all that is left is the bundled value', async t => {
	const { origin, publish, live, directory, logger } = await setUp(t)
	await publish(ONE, 5)
	await live(() => {})
	await forge(directory, ONE, '{"EUR":9}')
	origin.down = true
	const error = await t.throwsAsync(live(() => {}))
	t.is(codeOf(error), 'FETCH_FAILED')
	const said = logger.lines.map(([, message]) => message).join('\n')
	t.regex(said, /cannot be put back: Expected rates to be what sequence 5 was signed as/)
	await live(term => t.deepEqual(term.get(), { EUR: 0 }), { initial: { EUR: 0 } })
	origin.down = false
	await publish(TWO, 4)
	await t.throwsAsync(
		live(() => {}),
		{ code: 'ROLLBACK_REFUSED' },
		'its signature is genuine',
	)
})

test('where the newest snapshot was forged, the one before it is better than nothing', async t => {
	const { origin, publish, live, directory } = await setUp(t)
	await publish(ONE, 5)
	await live(async term => {
		await publish(TWO, 6)
		await term.update()
	})
	await forge(directory, TWO, '{"EUR":9}')
	origin.down = true
	await live(async term => {
		t.deepEqual(term.get(), { EUR: 1 })
		origin.down = false
		await publish('{"EUR":3}', 5)
		const outcome = await term.update()
		t.is(outcome.status === 'failed' ? outcome.error.code : undefined, 'ROLLBACK_REFUSED')
		await publish(TWO, 6)
		t.is((await term.update()).status, 'updated')
	})
})

test('a snapshot from before there were keys, or under a key that is trusted no more, is not used', async t => {
	const { origin, publish, live, logger } = await setUp(t)
	const stranger = await createPublisher()
	await publish(ONE, 5)
	await live(() => {}, { integrity: undefined })
	origin.down = true
	await t.throwsAsync(
		live(() => {}),
		{ code: 'FETCH_FAILED' },
	)
	t.true(logger.lines.some(([, message]) => message.includes('found no signature')))
	origin.down = false
	await publish(TWO, 6)
	await live(() => {})
	origin.down = true
	await t.throwsAsync(
		live(() => {}, { integrity: { publicKeys: [stranger.publicKey] } }),
		{
			code: 'FETCH_FAILED',
		},
	)
	t.true(logger.lines.some(([, message]) => message.includes('is not trusted')))
})
