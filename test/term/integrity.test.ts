import { gzipSync } from 'node:zlib'
import test, { type ExecutionContext } from 'ava'
import { HttpFetcher, type HttpFetcherOptions } from '../../fetchers/http.ts'
import { StaticFetcher } from '../../fetchers/static.ts'
import type { ErrorCode } from '../../lib/core/errors.ts'
import { TableTerm } from '../../lib/table/index.ts'
import type { RemoteTermOptions } from '../../lib/term/options.ts'
import { FakeClock } from '../../lib/testing/fake-clock.ts'
import { FakeFetcher } from '../../lib/testing/fake-fetcher.ts'
import { serveFiles, type FileOrigin } from '../support/file-origin.ts'
import { createPublisher, sha256, sha512, signBy } from '../support/publisher.ts'
import { recordingLogger } from '../support/recording-logger.ts'
import { RatesTerm, type Rates } from '../support/terms.ts'

const FILE = '/rates.json'
const [ONE, TWO, THREE] = ['{"EUR":1}', '{"EUR":2}', '{"EUR":3}'] as const

type Options = Partial<RemoteTermOptions<Rates>> & { readonly http?: Partial<HttpFetcherOptions> }

const termOf = (t: ExecutionContext, origin: FileOrigin, { http, ...options }: Options = {}): RatesTerm => {
	const term = new RatesTerm({
		name: 'rates',
		fetcher: new HttpFetcher({ url: new URL(FILE, origin.url), ...http }),
		clock: new FakeClock(),
		logger: false,
		...options,
	})
	t.teardown(() => term.stop())
	return term
}

/** Refuses what the source holds now: the old value stays, and the next refresh is scheduled. */
const refuses = async (t: ExecutionContext, term: RatesTerm, code: ErrorCode): Promise<string> => {
	const [value, version] = [term.get(), term.version]
	const outcome = await term.update()
	t.is(outcome.status, 'failed')
	const error = outcome.status === 'failed' ? outcome.error : undefined
	t.is(error?.code, code, error?.message)
	t.is(term.get(), value)
	t.is(term.version, version)
	t.is(term.health().lastError?.code, code)
	t.not(term.health().nextRefreshAt, undefined)
	return error?.message ?? ''
}

const accepts = async (t: ExecutionContext, term: RatesTerm, value: string): Promise<void> => {
	const outcome = await term.update()
	t.is(outcome.status, 'updated', outcome.status === 'failed' ? outcome.error.message : undefined)
	t.deepEqual(term.get(), JSON.parse(value))
}

const altered = (body: Uint8Array): Uint8Array => Buffer.from(Buffer.from(body).toString().replace('2', '9'))

const digestFields = [
	['Repr-Digest with sha-256', (body: string) => ({ 'repr-digest': `sha-256=:${sha256(body, 'base64')}:` })],
	['Content-Digest with sha-512', (body: string) => ({ 'content-digest': `sha-512=:${sha512(body)}:` })],
] as const

for (const [name, promise] of digestFields) {
	test(`a body that was altered on its way is found out by ${name}, asked for again, and then left alone`, async t => {
		const origin = await serveFiles(t)
		origin.publish(FILE, ONE, promise(ONE))
		const term = termOf(t, origin)
		await term.start()
		t.deepEqual(term.get(), { EUR: 1 })
		origin.publish(FILE, TWO, promise(TWO), altered)
		origin.answers(FILE)
		for (let refresh = 1; refresh <= 4; refresh++) await refuses(t, term, 'DIGEST_MISMATCH')
		t.deepEqual(origin.answers(FILE), [200, 200, 304, 304], 'the third costs no download')
		origin.publish(FILE, THREE, promise(THREE))
		await accepts(t, term, THREE)
	})

	test(`a body that was altered once on its way comes whole the next time, says ${name}`, async t => {
		const origin = await serveFiles(t)
		origin.publish(FILE, ONE)
		const term = termOf(t, origin, { integrity: { requireDigest: false } })
		await term.start()
		origin.publish(FILE, TWO, promise(TWO), altered)
		await refuses(t, term, 'DIGEST_MISMATCH')
		origin.publish(FILE, TWO, promise(TWO))
		await accepts(t, term, TWO)
	})
}

test('a digest is of the bytes with their content coding', async t => {
	const origin = await serveFiles(t)
	const body = gzipSync(ONE)
	const promise = (bytes: Uint8Array | string) => ({
		'content-encoding': 'gzip',
		'repr-digest': `sha-256=:${sha256(bytes, 'base64')}:`,
	})
	origin.publish(FILE, body, promise(body))
	const term = termOf(t, origin)
	await term.start()
	const other = gzipSync(TWO)
	origin.publish(FILE, other, promise(TWO))
	await refuses(t, term, 'DIGEST_MISMATCH')
})

test('requireDigest refuses what comes without one, or with one that cannot be read, which is said once', async t => {
	const origin = await serveFiles(t)
	const logger = recordingLogger()
	origin.publish(FILE, ONE, { 'repr-digest': `sha-256=:${sha256(ONE, 'base64')}:` })
	const term = termOf(t, origin, { integrity: { requireDigest: true }, logger })
	await term.start()
	origin.publish(FILE, TWO)
	t.regex(await refuses(t, term, 'DIGEST_MISMATCH'), /requireDigest/)
	for (const body of [TWO, THREE, TWO]) {
		origin.publish(FILE, body, { 'repr-digest': 'sha-256=:tooshort:' })
		await refuses(t, term, 'DIGEST_MISMATCH')
	}
	t.is(logger.lines.filter(([, message]) => message.includes('cannot be read')).length, 1)
})

test('a digest that cannot be read is no reason to refuse good bytes', async t => {
	const origin = await serveFiles(t)
	origin.publish(FILE, ONE, { 'content-digest': 'not a dictionary at all!' })
	const term = termOf(t, origin)
	await term.start()
	t.deepEqual(term.get(), { EUR: 1 })
})

test('where fetch has undone the content coding, the digest of what nobody has seen is left out', async t => {
	const origin = await serveFiles(t)
	const body = gzipSync(ONE)
	origin.publish(FILE, body, {
		'content-encoding': 'gzip',
		'repr-digest': `sha-256=:${sha256(body, 'base64')}:`,
	})
	const term = termOf(t, origin, { http: { fetch } })
	await term.start()
	t.deepEqual(term.get(), { EUR: 1 })
})

test('integrity.digest takes these bytes and no others', async t => {
	const origin = await serveFiles(t)
	origin.publish(FILE, ONE)
	const term = termOf(t, origin, { integrity: { digest: sha256(ONE).toUpperCase() } })
	await term.start()
	origin.publish(FILE, gzipSync(ONE), { 'content-encoding': 'gzip' })
	t.is((await term.update()).status, 'updated', 'the same bytes under a content coding')
	origin.publish(FILE, TWO)
	t.regex(await refuses(t, term, 'DIGEST_MISMATCH'), /integrity\.digest/)
})

test('a checksum file beside the content is held against it, and looked at anew until it fits', async t => {
	const origin = await serveFiles(t)
	origin.publish(FILE, ONE)
	origin.publish(`${FILE}.sha256`, `${sha256(ONE)}  rates.json\n`)
	const term = termOf(t, origin, { integrity: { checksum: true } })
	await term.start()
	origin.publish(FILE, TWO)
	for (let refresh = 1; refresh <= 3; refresh++)
		t.regex(await refuses(t, term, 'DIGEST_MISMATCH'), /checksum file beside it/)
	origin.remove(`${FILE}.sha256`)
	t.regex(await refuses(t, term, 'DIGEST_MISMATCH'), /found no such file/)
	origin.publish(`${FILE}.sha256`, 'no checksum')
	await refuses(t, term, 'DIGEST_MISMATCH')
	origin.publish(`${FILE}.sha256`, `${sha256(TWO)}\n`)
	await accepts(t, term, TWO)
})

test('a checksum file may be where a fetcher of its own finds it', async t => {
	const origin = await serveFiles(t)
	origin.publish(FILE, ONE)
	const checksum = new StaticFetcher({ body: sha256(ONE) })
	const term = termOf(t, origin, { integrity: { checksum } })
	await term.start()
	checksum.set({ body: sha256(TWO) })
	origin.publish(FILE, THREE)
	await refuses(t, term, 'DIGEST_MISMATCH')
	origin.publish(FILE, TWO)
	await accepts(t, term, TWO)
})

const signed = async (t: ExecutionContext, options: Options = {}) => {
	const [origin, publisher] = await Promise.all([serveFiles(t), createPublisher()])
	const publish = async (body: string, sequence: number, name?: string): Promise<void> => {
		origin.publish(FILE, body)
		origin.publish(`${FILE}.sig`, await publisher.sign(body, sequence, name))
	}
	await publish(ONE, 1)
	const integrity = { publicKeys: [publisher.publicKey] }
	const open = (more: Options = {}): RatesTerm => termOf(t, origin, { integrity, ...options, ...more })
	return { origin, publisher, publish, open }
}

test('what is signed is taken, and what is not is refused, however good it looks', async t => {
	const { origin, publisher, publish, open } = await signed(t)
	const term = open()
	await term.start()
	t.deepEqual(term.get(), { EUR: 1 })

	origin.publish(FILE, TWO)
	origin.remove(`${FILE}.sig`)
	await refuses(t, term, 'SIGNATURE_MISSING')

	origin.publish(`${FILE}.sig`, await publisher.sign(ONE, 2))
	t.regex(await refuses(t, term, 'SIGNATURE_INVALID'), /signed as/, 'the content was tampered with')

	const genuine = await publisher.sign(THREE, 2)
	origin.publish(`${FILE}.sig`, genuine.replace(sha256(THREE), sha256(TWO)))
	t.regex(await refuses(t, term, 'SIGNATURE_INVALID'), /is wrong/, 'the signature was tampered with')
	origin.publish(`${FILE}.sig`, '{}')
	await refuses(t, term, 'SIGNATURE_INVALID')
	origin.publish(`${FILE}.sig`, 'x'.repeat(100_000))
	await refuses(t, term, 'TOO_LARGE')

	const stranger = await createPublisher()
	origin.publish(`${FILE}.sig`, await stranger.sign(TWO, 2))
	t.regex(await refuses(t, term, 'SIGNATURE_INVALID'), /not trusted/)

	await publish(TWO, 2, 'limits')
	t.regex(await refuses(t, term, 'SIGNATURE_INVALID'), /a signature of rates/)

	await publish(TWO, 2)
	await accepts(t, term, TWO)
})

test('what was properly signed long ago does not come back', async t => {
	const { publish, open } = await signed(t)
	const term = open()
	await term.start()
	await publish(TWO, 2)
	await accepts(t, term, TWO)
	await publish(ONE, 1)
	await refuses(t, term, 'ROLLBACK_REFUSED')
	await publish(THREE, 2)
	await refuses(t, term, 'ROLLBACK_REFUSED')
	await publish(THREE, 3)
	await accepts(t, term, THREE)
	await publish(ONE, 4)
	await accepts(t, term, ONE)
})

test('an operator may roll back, which does not let an attacker do so', async t => {
	const { publish, open } = await signed(t)
	const term = open()
	await term.start()
	await publish(TWO, 2)
	await accepts(t, term, TWO)
	t.is((await term.rollback()).status, 'updated')
	t.deepEqual(term.get(), { EUR: 1 })
	await publish(THREE, 1)
	await refuses(t, term, 'ROLLBACK_REFUSED')
	await publish(THREE, 3)
	await accepts(t, term, THREE)
})

test('while a key is replaced both sign, and terms with either key go on', async t => {
	const { origin, publisher, open } = await signed(t)
	const next = await createPublisher()
	const [before, after] = [open(), open({ integrity: { publicKeys: [next.publicKey] } })]
	await before.start()
	origin.publish(FILE, TWO)
	origin.publish(`${FILE}.sig`, await signBy([publisher.privateKey, next.privateKey], TWO, 2))
	await accepts(t, before, TWO)
	await after.start()
	t.deepEqual(after.get(), { EUR: 2 })
	origin.publish(FILE, THREE)
	origin.publish(`${FILE}.sig`, await next.sign(THREE, 3))
	await accepts(t, after, THREE)
	await refuses(t, before, 'SIGNATURE_INVALID')
})

test('a key is trusted within its bounds only', async t => {
	const clock = new FakeClock()
	const { publisher, publish, open } = await signed(t)
	const key = { key: publisher.publicKey, notAfter: clock.now() + 1000 }
	const term = open({ clock, integrity: { publicKeys: [key] } })
	await term.start()
	await publish(TWO, 2)
	clock.jump(1000)
	t.regex(await refuses(t, term, 'SIGNATURE_INVALID'), /at this time/)
})

test('a signature that comes a moment after its content is found at the next refresh', async t => {
	const { origin, publisher, open } = await signed(t)
	const term = open()
	await term.start()
	origin.publish(FILE, TWO)
	await refuses(t, term, 'SIGNATURE_INVALID')
	origin.publish(`${FILE}.sig`, await publisher.sign(TWO, 2))
	await accepts(t, term, TWO)
})

test('a signature that cannot be fetched is a failure of the source', async t => {
	const { origin, publisher, open } = await signed(t)
	const signature = new FakeFetcher(await publisher.sign(ONE, 1))
	const term = open({ integrity: { publicKeys: [publisher.publicKey], signature } })
	await term.start()
	origin.publish(FILE, TWO)
	signature.fail('FETCH_TIMEOUT')
	await refuses(t, term, 'FETCH_TIMEOUT')
	signature.publish(await publisher.sign(TWO, 2))
	await accepts(t, term, TWO)
	await term.stop()
	t.is(signature.calls.filter(({ method }) => method === 'close').length, 1)
})

test('a server may compress on the fly what was signed as a plain file', async t => {
	const { origin, publisher, open } = await signed(t)
	const term = open()
	await term.start()
	origin.publish(FILE, gzipSync(TWO), { 'content-encoding': 'gzip' })
	origin.publish(`${FILE}.sig`, await publisher.sign(TWO, 2))
	await accepts(t, term, TWO)
	origin.publish(FILE, gzipSync(THREE), { 'content-encoding': 'gzip' })
	await refuses(t, term, 'SIGNATURE_INVALID')
})

test('a compressed file is signed as it is', async t => {
	const { origin, publisher, open } = await signed(t)
	const body = gzipSync(TWO)
	origin.publish(FILE, body)
	origin.publish(`${FILE}.sig`, await publisher.sign(body, 2))
	const term = open()
	await term.start()
	t.deepEqual(term.get(), { EUR: 2 })
})

test('a table is signed as any term is, compressed on the fly or not', async t => {
	const { origin, publisher } = await signed(t)
	const rows = JSON.stringify([{ id: 'a', population: 1 }])
	origin.publish(FILE, gzipSync(rows), { 'content-encoding': 'gzip' })
	origin.publish(`${FILE}.sig`, await publisher.sign(rows, 1, 'cities'))
	const term = new TableTerm<{ id: string; population: number }>({
		name: 'cities',
		key: 'id',
		fetcher: new HttpFetcher({ url: new URL(FILE, origin.url) }),
		integrity: { publicKeys: [publisher.publicKey] },
		logger: false,
	})
	t.teardown(() => term.stop())
	await term.start()
	t.is(term.lookup('a')?.population, 1)
	const tampered = rows.replace('1', '9')
	origin.publish(FILE, gzipSync(tampered), { 'content-encoding': 'gzip' })
	const outcome = await term.update()
	t.is(outcome.status === 'failed' ? outcome.error.code : undefined, 'SIGNATURE_INVALID')
	t.is(term.lookup('a')?.population, 1)
})

test('a ready value has no bytes that could be signed, and is refused', async t => {
	const { publisher } = await signed(t)
	const term = new RatesTerm({
		name: 'rates',
		fetcher: new StaticFetcher({ value: { EUR: 1 } }),
		integrity: { publicKeys: [publisher.publicKey] },
		logger: false,
	})
	await t.throwsAsync(term.start(), { code: 'SIGNATURE_MISSING' })
	t.is(term.get(), undefined)
})

test('a source within the process can hold a signature too', async t => {
	const { publisher } = await signed(t)
	const fetcher = new StaticFetcher({ body: ONE, beside: { '.sig': await publisher.sign(ONE, 1) } })
	const term = new RatesTerm({
		name: 'rates',
		fetcher,
		integrity: { publicKeys: [publisher.publicKey] },
		logger: false,
	})
	t.teardown(() => term.stop())
	await term.start()
	t.deepEqual(term.get(), { EUR: 1 })
	fetcher.set({ body: TWO })
	await refuses(t, term, 'SIGNATURE_MISSING')
	fetcher.set({ body: TWO, beside: { '.sig': Buffer.from(await publisher.sign(TWO, 2)) } })
	await accepts(t, term, TWO)
})

test('keys that are none are a mistake at the start, which quotes none of them', async t => {
	const { publisher, open } = await signed(t)
	const secret = publisher.privateKey.split('\n')[1]!
	for (const key of [publisher.privateKey, secret, `rtpk1:${'A'.repeat(43)}=`, 'nonsense']) {
		const error = await t.throwsAsync(open({ integrity: { publicKeys: [key] } }).start(), {
			code: 'INVALID_OPTION',
		})
		t.false(JSON.stringify([error.message, error]).includes(secret.slice(-20)))
	}
})
