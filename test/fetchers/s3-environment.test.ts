import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import test, { type ExecutionContext } from 'ava'
import { S3Fetcher, type S3FetcherOptions } from '../../fetchers/s3.ts'
import { createClient, loadSdk } from '../../fetchers/s3-client.ts'
import { context } from '../support/context.ts'
import { textOf } from '../support/download.ts'
import { serveS3, type S3Server } from '../support/s3-server.ts'

// The environment belongs to the whole process, so these tests take turns.

/** Nothing of AWS's but what the test gives, and nobody asks an instance that is not there for its metadata. */
const environment = (t: ExecutionContext, variables: Readonly<Record<string, string>>): void => {
	const before = { ...process.env }
	for (const name of Object.keys(process.env)) if (/^AWS_(?!SDK_JS_)/.test(name)) delete process.env[name]
	Object.assign(process.env, {
		AWS_EC2_METADATA_DISABLED: 'true',
		AWS_CONFIG_FILE: '/dev/null',
		AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
		...variables,
	})
	t.teardown(() => {
		for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name]
		Object.assign(process.env, before)
	})
}

const keys = { AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE', AWS_SECRET_ACCESS_KEY: 'not-much-of-a-secret' }

const fetchOne = async (t: ExecutionContext, options: Partial<S3FetcherOptions> = {}): Promise<string> => {
	const fetcher = new S3Fetcher({ bucket: 'terms', key: 'one.json', ...options })
	t.teardown(() => fetcher.close())
	await fetcher.init(context())
	return textOf(await fetcher.download(context()))
}

const regionIn = (server: S3Server): string | undefined =>
	/Credential=[^/]+\/\d+\/([^/]+)\//.exec(server.requests.at(-1)!.headers.authorization!)?.[1]

const served = async (t: ExecutionContext): Promise<S3Server> => {
	const server = await serveS3(t)
	server.put('terms', 'one.json', 'content')
	return server
}

for (const [title, variables, option, expected] of [
	['AWS_REGION', { AWS_REGION: 'eu-north-1' }, undefined, 'eu-north-1'],
	['AWS_DEFAULT_REGION', { AWS_DEFAULT_REGION: 'eu-south-1' }, undefined, 'eu-south-1'],
	[
		'AWS_REGION before AWS_DEFAULT_REGION',
		{ AWS_REGION: 'eu-north-1', AWS_DEFAULT_REGION: 'eu-south-1' },
		undefined,
		'eu-north-1',
	],
	['the option before both', { AWS_REGION: 'eu-north-1' }, 'sa-east-1', 'sa-east-1'],
	[
		'AWS_DEFAULT_REGION where AWS_REGION is empty',
		{ AWS_REGION: '', AWS_DEFAULT_REGION: 'eu-south-1' },
		undefined,
		'eu-south-1',
	],
] as const) {
	test.serial(`the region comes from ${title}`, async t => {
		const server = await served(t)
		environment(t, { ...keys, AWS_ENDPOINT_URL_S3: server.url, ...variables })
		t.is(await fetchOne(t, { region: option }), 'content')
		t.is(regionIn(server), expected)
	})
}

test.serial('region and credentials come from the profile where the environment has none', async t => {
	const server = await served(t)
	const directory = await mkdtemp(join(tmpdir(), 'remote-term-'))
	t.teardown(() => rm(directory, { recursive: true }))
	await writeFile(join(directory, 'config'), '[profile ours]\nregion = ca-central-1\n')
	await writeFile(
		join(directory, 'credentials'),
		'[ours]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = not-much-of-a-secret\n',
	)
	environment(t, {
		AWS_PROFILE: 'ours',
		AWS_CONFIG_FILE: join(directory, 'config'),
		AWS_SHARED_CREDENTIALS_FILE: join(directory, 'credentials'),
	})
	t.is(await fetchOne(t, { endpoint: server.url }), 'content')
	t.is(regionIn(server), 'ca-central-1')
})

test.serial('without a region init() says what to set', async t => {
	environment(t, keys)
	const fetcher = new S3Fetcher({ bucket: 'terms', key: 'one.json' })
	const error = await t.throwsAsync(fetcher.init(context()), { code: 'INVALID_OPTION' })
	for (const name of ['`region`', 'AWS_REGION', 'AWS_DEFAULT_REGION', 'AWS_PROFILE']) {
		t.true(error.message.includes(name), error.message)
	}
})

test.serial('without credentials init() is FETCH_DENIED', async t => {
	environment(t, { AWS_REGION: 'eu-west-1' })
	const fetcher = new S3Fetcher({ bucket: 'terms', key: 'one.json' })
	const error = await t.throwsAsync(fetcher.init(context()), { code: 'FETCH_DENIED' })
	t.regex(error.message, /credentials/i)
})

test.serial('a session token of the environment is sent', async t => {
	const server = await serveS3(t, {
		accessKeyId: 'ASIAEXAMPLE',
		secretAccessKey: 'not-much-of-a-secret',
		sessionToken: 'for-an-hour',
	})
	server.put('terms', 'one.json', 'content')
	environment(t, {
		AWS_REGION: 'eu-west-1',
		AWS_ACCESS_KEY_ID: 'ASIAEXAMPLE',
		AWS_SECRET_ACCESS_KEY: 'not-much-of-a-secret',
		AWS_SESSION_TOKEN: 'for-an-hour',
	})
	t.is(await fetchOne(t, { endpoint: server.url }), 'content')
})

for (const name of ['AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL']) {
	test.serial(`the endpoint comes from ${name}, with the bucket in the path`, async t => {
		const server = await served(t)
		environment(t, { ...keys, AWS_REGION: 'eu-west-1', [name]: server.url.replace('127.0.0.1', 'localhost') })
		t.is(await fetchOne(t), 'content')
		t.is(server.requests[0]!.path, '/terms/one.json')
	})
}

test.serial('the option endpoint comes before the environment’s', async t => {
	const server = await served(t)
	environment(t, { ...keys, AWS_REGION: 'eu-west-1', AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:1' })
	t.is(await fetchOne(t, { endpoint: server.url }), 'content')
})

test.serial(
	'the bucket is in the path for endpoints that are not AWS’s, unless forcePathStyle says otherwise',
	async t => {
		const sdk = await loadSdk()
		const styleOf = async (
			endpoint: string | undefined,
			forcePathStyle: boolean | undefined,
			env: Record<string, string> = {},
		): Promise<boolean> => {
			const timeouts = { connectionTimeout: 1000, requestTimeout: 1000 }
			const client = await createClient(
				sdk,
				{ region: 'eu-west-1', endpoint, forcePathStyle, credentials: undefined, ...timeouts },
				env,
			)
			client.destroy()
			return client.config.forcePathStyle
		}
		environment(t, keys)
		t.false(await styleOf(undefined, undefined))
		t.true(await styleOf(undefined, true))
		t.true(await styleOf('http://minio:9000', undefined))
		t.false(await styleOf('http://minio:9000', false))
		t.false(await styleOf('https://s3.eu-west-1.amazonaws.com', undefined))
		t.false(await styleOf('https://bucket.vpce-1a2b.s3.cn-north-1.vpce.amazonaws.com.cn', undefined))
		t.true(await styleOf('https://amazonaws.com.example.org', undefined))
		t.true(await styleOf(undefined, undefined, { AWS_ENDPOINT_URL: 'http://minio:9000' }))
		t.false(
			await styleOf(undefined, undefined, {
				AWS_ENDPOINT_URL: 'http://minio:9000',
				AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'true',
			}),
		)
	},
)

test.serial('without the SDK init() says how to install it', async t => {
	const hook = `export const resolve = (specifier, context, next) => {
		if (specifier.startsWith('@aws-sdk/')) throw Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' })
		return next(specifier, context)
	}`
	const script = `
		import { register } from 'node:module'
		register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(hook)}))
		const { S3Fetcher } = await import(${JSON.stringify(new URL('../../fetchers/s3.js', import.meta.url).href)})
		const fetcher = new S3Fetcher({ bucket: 'terms', key: 'one.json' })
		await fetcher.init({ signal: new AbortController().signal }).catch(({ code, message }) => console.log(code, message))
	`
	const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script])
	t.regex(stdout, /^INVALID_OPTION .*npm install @aws-sdk\/client-s3/)
})
