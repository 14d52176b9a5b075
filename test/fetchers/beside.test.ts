import { S3Client } from '@aws-sdk/client-s3'
import test from 'ava'
import { FailoverFetcher } from '../../fetchers/failover.ts'
import { FileFetcher } from '../../fetchers/file.ts'
import { HttpFetcher } from '../../fetchers/http.ts'
import { S3Fetcher } from '../../fetchers/s3.ts'
import { StaticFetcher } from '../../fetchers/static.ts'
import type { Fetcher } from '../../lib/core/fetcher.ts'
import { RemoteTerm } from '../../lib/term/remote-term.ts'
import { FakeFetcher } from '../../lib/testing/fake-fetcher.ts'
import { context } from '../support/context.ts'
import { textOf } from '../support/download.ts'
import { sha256 } from '../support/publisher.ts'
import { serveS3 } from '../support/s3-server.ts'
import { serve } from '../support/serve.ts'

const readBeside = async (fetcher: Fetcher, suffix: string): Promise<string> => {
	const beside = fetcher.beside!(suffix)
	await beside.init(context())
	try {
		return await textOf(await beside.download(context()))
	} finally {
		await beside.close?.()
	}
}

test('HTTP: the suffix goes behind the path, and query, headers and credentials stay', async t => {
	const { url } = await serve(t, ({ url: asked, headers }, response) => {
		response.end(`${asked} ${headers.authorization} ${headers['x-own']}`)
	})
	const source = new URL('/a/rates.json?v=3&t=%2F#part', url)
	source.username = 'user'
	source.password = 'secret'
	const options = { url: source, headers: { 'x-own': 'yes' } }
	const fetcher = new HttpFetcher(options)
	// What becomes of the caller's objects later is not the fetcher's affair.
	source.pathname = '/elsewhere'
	options.headers = { 'x-own': 'no' }
	t.is(await readBeside(fetcher, '.sig'), '/a/rates.json.sig?v=3&t=%2F Basic dXNlcjpzZWNyZXQ= yes')
	t.is(await readBeside(fetcher, '?#.sig'), '/a/rates.json%3F%23.sig?v=3&t=%2F Basic dXNlcjpzZWNyZXQ= yes')
	t.throws(() => fetcher.beside(''), { code: 'INVALID_OPTION' })
	t.throws(() => fetcher.beside('.sig').beside(''), { code: 'INVALID_OPTION' })
})

test('HTTP: a digest is asked for where that is wanted', async t => {
	const asked: unknown[] = []
	const { url } = await serve(t, ({ headers }, response) => {
		asked.push(headers['want-repr-digest'])
		response.end('x')
	})
	for (const wantDigest of [false, true]) {
		const fetcher = new HttpFetcher({ url, wantDigest })
		t.teardown(() => fetcher.close())
		await fetcher.init()
		await textOf(await fetcher.download(context()))
	}
	t.deepEqual(asked, [undefined, 'sha-256=10, sha-512=5'])
	t.throws(() => new HttpFetcher({ url, wantDigest: 1 as unknown as boolean }), { code: 'INVALID_OPTION' })
})

test('S3: the suffix goes behind the key, whose latest version is meant', async t => {
	const server = await serveS3(t)
	const { versionId } = server.put('terms', 'one.json', 'content')
	server.put('terms', 'one.json.sig', 'signature')
	const fetcher = new S3Fetcher({
		bucket: 'terms',
		key: 'one.json',
		versionId,
		region: 'eu-west-1',
		endpoint: server.url,
		credentials: server.credentials,
	})
	t.is(await readBeside(fetcher, '.sig'), 'signature')
	t.is(server.requests.at(-1)?.query.get('versionId'), null)
	await t.throwsAsync(readBeside(fetcher, '.sha256'), { code: 'FETCH_NOT_FOUND' })
})

test('S3: a failover bucket steps in for what lies beside, too', async t => {
	const [eu, us] = [await serveS3(t), await serveS3(t)]
	eu.down = { kind: 'error', status: 500, code: 'InternalError' }
	us.put('terms', 'one.json.sig', 'signature')
	const fetcher = new S3Fetcher({
		bucket: 'terms',
		key: 'one.json',
		region: 'eu-west-1',
		endpoint: eu.url,
		credentials: eu.credentials,
		failoverBuckets: [{ bucket: 'terms', endpoint: us.url }],
	})
	t.is(await readBeside(fetcher, '.sig'), 'signature')
})

const SHA256 = 'x-amz-checksum-sha256'
const CONTENT = sha256('content', 'base64')

test('S3: checksums of the whole object are passed on, unless the SDK is told to leave them alone', async t => {
	const server = await serveS3(t)
	const common = { region: 'eu-west-1', endpoint: server.url, credentials: server.credentials }
	const digestsOf = async (client?: S3Client) => {
		const fetcher = new S3Fetcher({ bucket: 'terms', key: 'one.json', ...common, client })
		t.teardown(() => fetcher.close())
		await fetcher.init(context())
		const download = await fetcher.download(context())
		const text = await textOf(download)
		t.is(text, 'content')
		return 'digests' in download ? download.digests : undefined
	}
	server.put('terms', 'one.json', 'content', { headers: { [SHA256]: CONTENT } })
	t.deepEqual(await digestsOf(), [
		{
			algorithm: 'sha-256',
			value: Buffer.from(CONTENT, 'base64').toString('hex'),
			of: 'representation',
		},
	])
	t.is(server.requests.at(-1)?.headers['x-amz-checksum-mode'], 'ENABLED')

	const client = new S3Client({
		...common,
		forcePathStyle: true,
		responseChecksumValidation: 'WHEN_REQUIRED',
	})
	t.teardown(() => client.destroy())
	t.is(await digestsOf(client), undefined)
	t.is(server.requests.at(-1)?.headers['x-amz-checksum-mode'], undefined)

	server.put('terms', 'one.json', 'content', { headers: { 'x-amz-checksum-crc32': 'AAAAAA==-3' } })
	t.is(await digestsOf(), undefined)
	server.put('terms', 'one.json', 'content')
	t.is(await digestsOf(), undefined)
})

test('S3: a term that requires a digest finds it, and refuses a body that does not fit it', async t => {
	const server = await serveS3(t)
	class Text extends RemoteTerm<string> {
		protected override deserialize = (data: Uint8Array): string => new TextDecoder().decode(data)
	}
	const term = new Text({
		fetcher: new S3Fetcher({
			bucket: 'terms',
			key: 'one.json',
			region: 'eu-west-1',
			endpoint: server.url,
			credentials: server.credentials,
		}),
		integrity: { requireDigest: true },
		logger: false,
	})
	t.teardown(() => term.stop())
	server.put('terms', 'one.json', 'content', { headers: { [SHA256]: CONTENT } })
	await term.start()
	for (const headers of [{ [SHA256]: CONTENT }, { 'x-amz-checksum-crc32': 'AAAAAA==' }, {}] as Array<
		Record<string, string>
	>) {
		server.put('terms', 'one.json', 'altered', { headers })
		const outcome = await term.update()
		t.is(outcome.status === 'failed' ? outcome.error.code : outcome.status, 'DIGEST_MISMATCH')
		t.is(term.get(), 'content')
	}
})

test('failover: what lies beside is asked of the sources in their order, and only where all have it', async t => {
	const [one, two] = [new FakeFetcher('content'), new FakeFetcher('content')]
	two.publishBeside('.sig', 'of the second')
	const fetcher = new FailoverFetcher({ sources: [one, { name: 'second', fetcher: two }] })
	await t.throwsAsync(readBeside(fetcher, '.sig'), { code: 'FETCH_NOT_FOUND' })
	one.beside('.sig').fail('FETCH_FAILED')
	t.is(await readBeside(fetcher, '.sig'), 'of the second')
	const lenient = new FailoverFetcher({ sources: [one, two], failoverOn: ['FETCH_NOT_FOUND'] })
	t.is(await readBeside(lenient, '.sig'), 'of the second')
	const { init, currentVersion, download } = new FakeFetcher()
	t.is(new FailoverFetcher([one, { init, currentVersion, download }]).beside, undefined)
})

test('files and what is within the process: an empty suffix is a mistake, and the content is not beside itself', async t => {
	t.throws(() => new FileFetcher({ path: 'x' }).beside(''), { code: 'INVALID_OPTION' })
	const fetcher = new StaticFetcher({ body: 'content', beside: { '.sig': 'signature' } })
	t.throws(() => fetcher.beside(''), { code: 'INVALID_OPTION' })
	t.is(await readBeside(fetcher, '.sig'), 'signature')
	await t.throwsAsync(readBeside(fetcher, 'constructor'), { code: 'FETCH_NOT_FOUND' })
	for (const beside of [null, 'x', { '.sig': 1 }])
		t.throws(() => new StaticFetcher({ body: 'x', beside: beside as never }), { code: 'INVALID_OPTION' })
})
