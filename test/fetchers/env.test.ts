import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import type { IncomingHttpHeaders } from 'node:http'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import test from 'ava'
import fc from 'fast-check'
import { fetcherFromEnv, fetcherFromUrl } from '../../fetchers/env.ts'
import { parseSource, splitSources } from '../../fetchers/env/source.ts'
import { renderVariables, variables } from '../../fetchers/env/variables.ts'
import { FailoverFetcher } from '../../fetchers/failover.ts'
import { FileFetcher } from '../../fetchers/file.ts'
import { HttpFetcher } from '../../fetchers/http.ts'
import { NatsFetcher } from '../../fetchers/nats.ts'
import { S3Fetcher } from '../../fetchers/s3.ts'
import { RemoteTermError } from '../../lib/core/errors.ts'
import { conforms } from '../support/conformance.ts'
import { context } from '../support/context.ts'
import { closedPort } from '../support/ports.ts'
import { serve } from '../support/serve.ts'
import { openFilesIn, temporaryDirectory } from '../support/temporary.ts'

conforms(test, 'file:', {
	async create(content) {
		const { path, remove } = await temporaryDirectory()
		const file = join(path, 'term, 100%')
		writeFileSync(file, content)
		return {
			fetcher: fetcherFromEnv({ REMOTE_TERM_SOURCE: pathToFileURL(file).href }),
			publish: async bytes => writeFileSync(file, bytes),
			publishBeside: async (suffix, bytes) => writeFileSync(file + suffix, bytes),
			openBodies: async () => openFilesIn(path),
			dispose: remove,
		}
	},
	capabilities: { watch: true, beside: true, unpublish: false },
})

test('each kind of source has its fetcher', t => {
	const env = (source: string) => fetcherFromEnv({ REMOTE_TERM_SOURCE: source })
	t.true(env('https://example.com/a,b?c=d') instanceof HttpFetcher)
	t.true(env('HTTP://example.com') instanceof HttpFetcher)
	t.true(env('file:///etc/hosts') instanceof FileFetcher)
	t.true(env('s3://bucket/key?region=eu-west-1') instanceof S3Fetcher)
	t.true(env('nats://nats.example:4222/kv/terms/rates.json') instanceof NatsFetcher)
	t.true(env('tls://token@nats.example/object/files/rates.json') instanceof NatsFetcher)
	t.true(env('\n\thttps://one.example https://two.example\n') instanceof FailoverFetcher)
	t.true(fetcherFromUrl(new URL('https://example.com')) instanceof HttpFetcher)
	t.true(fetcherFromEnv({ RATES_FILE_PATH: '/etc/hosts' }, { prefix: 'RATES' }) instanceof FileFetcher)
	t.true(fetcherFromEnv({ REMOTE_TERM_HTTP_URL: 'https://example.com' }) instanceof HttpFetcher)
	const nats = { REMOTE_TERM_NATS_BUCKET: 'terms', REMOTE_TERM_NATS_KEY: 'rates' }
	t.true(fetcherFromEnv(nats) instanceof NatsFetcher)
	t.true(
		fetcherFromEnv({
			REMOTE_TERM_NATS_SERVERS: 'one.example, tls://two.example:4223',
			REMOTE_TERM_NATS_BUCKET: 'files',
			REMOTE_TERM_NATS_OBJECT: 'a b',
			REMOTE_TERM_NATS_USER: 'me',
			REMOTE_TERM_NATS_PASSWORD: 'hunter2',
			REMOTE_TERM_NATS_CA_FILE: '/etc/ca.pem',
		}) instanceof NatsFetcher,
	)
	const s3 = {
		REMOTE_TERM_S3_BUCKET: 'bucket',
		REMOTE_TERM_S3_KEY: 'a/../b',
		REMOTE_TERM_S3_REGION: 'eu-west-1',
	}
	t.true(fetcherFromEnv(s3) instanceof S3Fetcher)
	t.true(
		fetcherFromEnv({
			...s3,
			REMOTE_TERM_S3_FAILOVER_BUCKETS: 'one:us-east-1, two:eu-west-1',
		}) instanceof S3Fetcher,
	)
})

test('an s3: URL gives bucket, key and parameters as they were meant', t => {
	const endpoint = 'http://127.0.0.1:9000'
	t.deepEqual(
		parseSource(
			`s3://my.bucket/a/./../b//c%20d+e%23?region=eu-west-1&versionId=v%2B1&forcePathStyle=true&endpoint=${encodeURIComponent(endpoint)}`,
		),
		{
			kind: 's3',
			bucket: 'my.bucket',
			key: 'a/./../b//c d+e#',
			region: 'eu-west-1',
			versionId: 'v+1',
			forcePathStyle: true,
			endpoint,
		},
	)
	t.deepEqual(parseSource('s3://bucket/key'), { kind: 's3', bucket: 'bucket', key: 'key' })
})

test('a nats: URL gives server, place and credentials as they were meant', t => {
	t.deepEqual(parseSource('nats://nats.example:4222/kv/terms/a/b=c.json'), {
		...{ kind: 'nats', servers: ['nats://nats.example:4222'], bucket: 'terms', key: 'a/b=c.json' },
	})
	t.deepEqual(parseSource('tls://me:p%40ss@nats.example/object/files/a%20b%23/c'), {
		...{ kind: 'nats', servers: ['tls://nats.example'], bucket: 'files', object: 'a b#/c' },
		...{ user: 'me', pass: 'p@ss' },
	})
	t.deepEqual(parseSource('nats://a-token@[::1]:1/kv/b/k'), {
		...{ kind: 'nats', servers: ['nats://[::1]:1'], bucket: 'b', key: 'k', token: 'a-token' },
	})
})

test('any key survives in an s3: URL', t => {
	t.notThrows(() =>
		fc.assert(
			fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), key => {
				const source = parseSource(`s3://bucket/${encodeURIComponent(key)}`)
				return source.kind === 's3' && source.key === key
			}),
		),
	)
})

test('white space separates sources, and commas do not', t => {
	t.deepEqual(splitSources(' a,b\n\tc  '), ['a,b', 'c'])
})

type Refused = readonly [env: Record<string, string>, message: RegExp]

const S3 = { T_S3_BUCKET: 'bucket', T_S3_KEY: 'key' }

const refused: readonly Refused[] = [
	[
		{},
		/^Expected T_SOURCE to be set to URLs .* or, .* one of T_HTTP_URL, T_S3_BUCKET, T_NATS_BUCKET, T_FILE_PATH$/,
	],
	[{ T_SOURCE: '  ' }, /^Expected T_SOURCE to be set/],
	[{ T_SOURCE: 'example.com' }, /^Expected T_SOURCE to be URLs .*, got something without a scheme$/],
	[{ T_SOURCE: '/etc/hosts' }, /got a path; as a URL it begins with file:\/\/$/],
	[{ T_SOURCE: 'ftp://user:hunter2@example.com/x' }, /got a URL of the scheme ftp:$/],
	[{ T_SOURCE: 'https://' }, /got something that is no URL$/],
	[{ T_SOURCE: 'https://a.example,https://b.example' }, /separated by commas; white space separates them$/],
	[{ T_SOURCE: 'https://a.example ftp://b.example' }, /scheme ftp:/],
	[{ T_SOURCE: 'file:etc/hosts' }, /has a host or is relative; it begins with file:\/\/\//],
	[{ T_SOURCE: 'file://host/etc/hosts' }, /has a host or is relative/],
	[{ T_SOURCE: 'file:///etc/hosts?x' }, /with a query or fragment/],
	[{ T_SOURCE: 'file:///etc%2Fhosts' }, /no path of this system/],
	[{ T_SOURCE: 's3://AKIA:hunter2@bucket/key' }, /an s3: URL with a user or password; .*AWS’s own variables/],
	[{ T_SOURCE: 's3:///key' }, /without a bucket/],
	[{ T_SOURCE: 's3://bucket:80/key' }, /without a bucket/],
	[{ T_SOURCE: 's3://bucket/' }, /without a key/],
	[{ T_SOURCE: 's3://bucket' }, /without a key/],
	[{ T_SOURCE: 's3://bucket/%ff' }, /not percent-encoded UTF-8/],
	[{ T_SOURCE: 's3://bucket/a#b' }, /with a fragment/],
	[
		{ T_SOURCE: 's3://bucket/a?regoin=x' },
		/a parameter "regoin"; it takes region, endpoint, versionId, forcePathStyle/,
	],
	[{ T_SOURCE: 's3://bucket/a?region=x&region=y' }, /region twice/],
	[{ T_SOURCE: 's3://bucket/a?region=' }, /empty region/],
	[{ T_SOURCE: 's3://bucket/a?forcePathStyle=yes' }, /whose forcePathStyle is something else/],
	[{ T_SOURCE: 's3://bucket/a?endpoint=ftp://x' }, /whose endpoint is a URL of the scheme ftp:/],
	[
		{ T_SOURCE: 's3://bucket/a?endpoint=https://u:hunter2@x' },
		/whose endpoint is https:\/\/x\/ with a user or password/,
	],
	[{ T_SOURCE: 'nats://hunter2@x.example/terms/a' }, /neither \/kv\/bucket\/key nor \/object\/store\/name$/],
	[{ T_SOURCE: 'nats://x.example/kv/terms' }, /neither/],
	[{ T_SOURCE: 'nats:///kv/terms/a' }, /without a host/],
	[{ T_SOURCE: 'nats://x.example/kv/terms/a?hunter2' }, /with a query or fragment/],
	[{ T_SOURCE: 'nats://x.example/kv/terms/%ff' }, /not percent-encoded UTF-8/],
	[{ T_SOURCE: 'nats://me:hunter2@x.example/kv/terms/a..b' }, /`key`/],
	[{ T_NATS_KEY: 'a' }, /^Expected T_NATS_BUCKET to be set/],
	[{ T_NATS_BUCKET: 'a' }, /^Expected T_NATS_KEY to be set/],
	[{ T_NATS_BUCKET: 'a', T_NATS_KEY: 'b', T_NATS_OBJECT: 'c' }, /only one of T_NATS_KEY and T_NATS_OBJECT/],
	[{ T_NATS_BUCKET: 'a', T_S3_BUCKET: 'b' }, /only one of T_S3_BUCKET and T_NATS_BUCKET/],
	[
		{ T_NATS_BUCKET: 'a', T_NATS_KEY: 'b', T_NATS_SERVERS: 'me:hunter2@x.example' },
		/got x.example with a user or password/,
	],
	[
		{ T_NATS_BUCKET: 'a', T_NATS_KEY: 'b', T_NATS_TOKEN: 'hunter2', T_NATS_USER: 'me' },
		/only one of T_NATS_TOKEN and T_NATS_USER/,
	],
	[{ T_NATS_BUCKET: 'a', T_NATS_KEY: 'b', T_NATS_NKEY: 'hunter2' }, /`nkey`/],
	[{ T_FILE_PATH: '/x', T_NATS_TOKEN: 'hunter2' }, /^T_NATS_TOKEN is set, but the source is no nats: one$/],
	[
		{ T_SOURCE: 'nats://a.example/kv/b/k nats://b.example/kv/b/k', T_NATS_TOKEN: 'hunter2' },
		/^T_NATS_TOKEN would be sent to 2 servers/,
	],
	[
		{ T_HTTP_URL: 'file:///x' },
		/^Expected T_HTTP_URL to be an `https:` or `http:` URL, got a URL of the scheme file:$/,
	],
	[{ T_SOURCE: 'https://x.example', T_HTTP_URL: 'https://x.example' }, /only one of T_SOURCE and T_HTTP_URL/],
	[{ T_FILE_PATH: '/x', T_HTTP_URL: 'https://x.example' }, /only one of T_HTTP_URL and T_FILE_PATH/],
	[{ T_SOURCE: 's3://bucket/key', T_S3_KEY: 'other' }, /only one of T_SOURCE and T_S3_KEY/],
	[{ T_S3_BUCKET: 'bucket' }, /^Expected T_S3_KEY to be set/],
	[{ T_S3_KEY: 'key' }, /^Expected T_S3_BUCKET to be set/],
	[
		{ ...S3, T_S3_FAILOVER_BUCKETS: 'one' },
		/T_S3_FAILOVER_BUCKETS to be `bucket:region`, separated by commas, got "one"/,
	],
	[{ ...S3, T_S3_FAILOVER_BUCKETS: 'one:a,,two:b' }, /got ""/],
	[
		{ ...S3, T_S3_FORCE_PATH_STYLE: 'yes' },
		/T_S3_FORCE_PATH_STYLE to be `true`, `false`, `1` or `0`, got "yes"/,
	],
	[
		{ ...S3, T_S3_ENDPOINT: 'https://u:hunter2@x.example' },
		/T_S3_ENDPOINT to be .* without user and password, got https:\/\/x.example\/ with/,
	],
	[{ T_FILE_PATH: 'relative' }, /T_FILE_PATH to be an absolute path, got "relative"/],
	[{ T_FILE_PATH: '/x', T_HTTP_HEADERS: '{}' }, /^T_HTTP_HEADERS is set, but the source is no http: one$/],
	[
		{ T_SOURCE: 'https://x.example', T_S3_REGION: 'eu' },
		/^T_S3_REGION is set, but the source is no s3: one$/,
	],
	[{ T_SOURCE: 's3://a1b/k s3://b1c/k', T_S3_FAILOVER_BUCKETS: 'x:y' }, /cannot be told to which of 2/],
	[
		{ T_SOURCE: 'https://a.example https://b.example', T_HTTP_BEARER_TOKEN: 'hunter2' },
		/^T_HTTP_BEARER_TOKEN would be sent to 2 origins \(https:\/\/a.example, https:\/\/b.example\)/,
	],
	[
		{ T_HTTP_URL: 'https://x.example', T_HTTP_BEARER_TOKEN: 'hunter2', T_HTTP_BEARER_TOKEN_FILE: '/x' },
		/only one of T_HTTP_BEARER_TOKEN and T_HTTP_BEARER_TOKEN_FILE/,
	],
	[
		{ T_HTTP_URL: 'https://x.example', T_HTTP_BEARER_TOKEN: 'hunter2 \n x' },
		/T_HTTP_BEARER_TOKEN to be visible ASCII/,
	],
	[
		{ T_HTTP_URL: 'https://x.example', T_HTTP_HEADERS: '{"x":hunter2}' },
		/T_HTTP_HEADERS to be a JSON object .* no JSON$/,
	],
	[{ T_HTTP_URL: 'https://x.example', T_HTTP_HEADERS: '["hunter2"]' }, /JSON of another kind$/],
	[{ T_HTTP_URL: 'https://x.example', T_HTTP_HEADERS: '{"x":1}' }, /got "x" that is no string$/],
	[
		{ T_HTTP_URL: 'https://x.example', T_HTTP_HEADERS: '{"x":"hunter2\\n"}' },
		/`headers.x`.*\(from T_HTTP_URL, T_HTTP_HEADERS\)$/,
	],
	[
		{ T_HTTP_URL: 'https://u:hunter2@x.example', T_HTTP_BEARER_TOKEN: 'hunter2' },
		/only one of .*\(from T_HTTP_URL, T_HTTP_BEARER_TOKEN\)$/,
	],
	[
		{ T_HTTP_URL: 'https://x.example', T_HTTP_BODY_TIMEOUT: '10s' },
		/T_HTTP_BODY_TIMEOUT to be a whole number of milliseconds, 1 or more, got "10s"/,
	],
	[{ T_HTTP_URL: 'https://x.example', T_HTTP_BODY_TIMEOUT: '0' }, /T_HTTP_BODY_TIMEOUT .* got "0"/],
	[
		{ T_HTTP_URL: 'https://x.example', T_HTTP_MAX_REDIRECTS: '-1' },
		/T_HTTP_MAX_REDIRECTS to be a whole number, 0 or more/,
	],
	[
		{ T_HTTP_URL: 'https://x.example', T_HTTP_MAX_REFRESH_INTERVAL: '1', T_HTTP_MIN_REFRESH_INTERVAL: '2' },
		/`minRefreshInterval`.*\(from .*T_HTTP_MIN_REFRESH_INTERVAL/,
	],
	[{ T_SORUCE: 'https://x.example' }, /^There is no variable T_SORUCE; did you mean T_SOURCE\?$/],
	[
		{ T_SOURCE: 'https://x.example', T_HTTP_BEARER_TOKN: 'hunter2' },
		/T_HTTP_BEARER_TOKN; did you mean T_HTTP_BEARER_TOKEN\?/,
	],
	[
		{ T_SOURCE: 'https://x.example', T_HTTP_COOKIE: 'hunter2' },
		/no variable T_HTTP_COOKIE; there are T_SOURCE, /,
	],
	[{ T_SOURCE: 'https://x.example', T_SOURCE_2: 'https://y.example' }, /no variable T_SOURCE_2/],
]

for (const [env, message] of refused) {
	test(`refuses ${JSON.stringify(env)}`, t => {
		const error = t.throws(() => fetcherFromEnv(env, { prefix: 'T' }), {
			instanceOf: RemoteTermError,
			code: 'INVALID_OPTION',
			message,
		})
		t.false(`${error.message}${String(error.cause)}`.includes('hunter2'))
	})
}

test('what else the environment holds is let be, as is what Kubernetes puts there', t => {
	const fetcher = fetcherFromEnv({
		PATH: '/bin',
		REMOTE_TERM_SOURCE: 'https://example.com',
		REMOTE_TERM_HTTP_BEARER_TOKEN: '',
		REMOTE_TERM_HTTP_COOKIE: ' ',
		REMOTE_TERM_TEST_S3_ENDPOINT: 'http://127.0.0.1:5000',
		REMOTE_TERM_REFRESH_INTERVAL: '5',
		REMOTE_TERM_PORT: 'tcp://10.0.0.1:80',
		REMOTE_TERM_HTTP_SERVICE_HOST: '10.0.0.1',
		REMOTE_TERM_HTTP_SERVICE_PORT_METRICS: '80',
		REMOTE_TERM_HTTP_PORT_80_TCP_ADDR: '10.0.0.1',
	})
	t.true(fetcher instanceof HttpFetcher)
})

test('options that cannot be are refused', t => {
	const options = { code: 'INVALID_OPTION' }
	t.throws(() => fetcherFromEnv({}, { prefix: '' }), options)
	t.throws(() => fetcherFromEnv({}, { prefix: 'RATES_' }), options)
	t.throws(() => fetcherFromEnv({}, { prefx: 'RATES' } as object), options)
	t.throws(() => fetcherFromUrl('nonsense'), {
		...options,
		message: /^Expected a source to be .*without a scheme$/,
	})
	t.throws(() => fetcherFromUrl('file:///x', { http: {} }), {
		...options,
		message: /`http` is of no use/,
	})
	t.throws(() => fetcherFromUrl('https://x.example', { s3: {} }), options)
	t.throws(() => fetcherFromUrl('https://x.example', { htp: {} } as object), options)
	t.true(fetcherFromUrl('https://x.example', { http: { maxRedirects: 0 } }) instanceof HttpFetcher)
})

test('headers and the token are sent; a token in a file is read for each request', async t => {
	const seen: IncomingHttpHeaders[] = []
	const { url } = await serve(t, (request, response) => {
		seen.push(request.headers)
		response.end('x')
	})
	const { path, remove } = await temporaryDirectory()
	t.teardown(remove)
	const file = join(path, 'token')
	writeFileSync(file, 'first\n')
	const fetcher = fetcherFromEnv({
		REMOTE_TERM_SOURCE: url.href,
		REMOTE_TERM_HTTP_HEADERS: '{"x-tenant":"one"}',
		REMOTE_TERM_HTTP_BEARER_TOKEN_FILE: file,
	})
	t.teardown(() => fetcher.close?.())
	await fetcher.init(context())
	const ask = async () => {
		const download = await fetcher.download(context())
		await ('cancel' in download && download.cancel?.())
	}
	await ask()
	writeFileSync(file, 'second')
	await ask()
	t.deepEqual(
		seen.map(({ authorization, 'x-tenant': tenant }) => [authorization, tenant]),
		[
			['Bearer first', 'one'],
			['Bearer second', 'one'],
		],
	)
	for (const content of ['', 'two words']) {
		writeFileSync(file, content)
		const error = await t.throwsAsync(ask(), {
			code: 'FETCH_FAILED',
			message: /REMOTE_TERM_HTTP_BEARER_TOKEN_FILE/,
		})
		t.false(error.message.includes('two words'))
	}
	await remove()
	await t.throwsAsync(ask(), { code: 'FETCH_FAILED', message: /REMOTE_TERM_HTTP_BEARER_TOKEN_FILE/ })
	t.is(seen.length, 2)
})

test('what a source needs is loaded by its init, and nothing else', t => {
	const script = `
		import { register } from 'node:module'
		register('data:text/javascript,' + encodeURIComponent(\`
			export const resolve = (name, context, next) => {
				if (/^(undici|@aws-sdk)/.test(name)) throw new Error('loads ' + name.split('/')[0])
				return next(name, context)
			}
		\`))
		const { fetcherFromEnv } = await import(${JSON.stringify(new URL('../../fetchers/env.js', import.meta.url).href)})
		for (const REMOTE_TERM_SOURCE of ['file:///etc/hosts', 'https://example.com', 's3://bucket/key?region=eu-west-1'])
			{
				const fetcher = fetcherFromEnv({ REMOTE_TERM_SOURCE })
				const context = { signal: new AbortController().signal, clock: {}, logger: console }
				console.log(await fetcher.init(context).then(() => fetcher.constructor.name, error => String(error.cause ?? error)))
			}
	`
	const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
	const [file, http, s3] = stdout.split('\n')
	t.is(file, 'FileFetcher')
	t.regex(http ?? '', /loads undici/)
	t.regex(s3 ?? '', /loads @aws-sdk/)
})

test('what a nats: source needs is loaded by its init', async t => {
	const fetcher = fetcherFromUrl(`nats://127.0.0.1:${await closedPort()}/kv/terms/a`, {
		nats: { connectTimeout: 1000 },
	})
	await t.throwsAsync(fetcher.init(context()), { code: 'FETCH_FAILED' })
	await fetcher.close?.()
	t.throws(() => fetcherFromUrl('https://x.example', { nats: {} }), { code: 'INVALID_OPTION' })
})

test('the documentation has the table of the variables as the parser has it', t => {
	const documentation = readFileSync(new URL('../../../docs/environment.md', import.meta.url), 'utf8')
	t.true(documentation.includes(renderVariables('REMOTE_TERM')))
})

test('each variable has a name of its own', t => {
	const names = variables.map(({ name }) => name)
	t.is(new Set(names).size, names.length)
})
