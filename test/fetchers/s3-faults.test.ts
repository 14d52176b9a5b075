import { inspect } from 'node:util'
import { S3Client } from '@aws-sdk/client-s3'
import test, { type ExecutionContext } from 'ava'
import { S3Fetcher, type S3FetcherOptions } from '../../fetchers/s3.ts'
import { RemoteTermError, type ErrorCode } from '../../lib/core/errors.ts'
import { isNotModified } from '../../lib/core/fetcher.ts'
import { context } from '../support/context.ts'
import { asBody, textOf } from '../support/download.ts'
import { serveS3, type Fault, type S3Server } from '../support/s3-server.ts'
import { closedPort } from '../support/ports.ts'
import { waitFor } from '../support/wait.ts'

const KiB = 2 ** 10

const setup = async (
	t: ExecutionContext,
	more: Partial<S3FetcherOptions> = {},
): Promise<{ server: S3Server; fetcher: S3Fetcher }> => {
	const server = await serveS3(t)
	const fetcher = new S3Fetcher({
		bucket: 'terms',
		key: 'one.json',
		region: 'eu-west-1',
		endpoint: server.url,
		credentials: server.credentials,
		...more,
	})
	t.teardown(() => fetcher.close())
	await fetcher.init(context())
	return { server, fetcher }
}

const failure = async (t: ExecutionContext, work: Promise<unknown>): Promise<RemoteTermError> => {
	const error = await t.throwsAsync(work, { instanceOf: RemoteTermError })
	return error
}

test('one refresh is one request, and a 304 is no error', async t => {
	const { server, fetcher } = await setup(t)
	const { etag } = server.put('terms', 'one.json', 'content')
	t.true(isNotModified(await fetcher.downloadIfChanged(etag!, context())))
	t.deepEqual(server.statuses, [304])
	t.is(server.requests[0]!.headers['if-none-match'], etag!)
	t.is(server.requests[0]!.path, '/terms/one.json', 'path style, at an endpoint that is not one of AWS’s')
})

test('a 304 that nobody asked for is an error', async t => {
	const { server, fetcher } = await setup(t)
	server.put('terms', 'one.json', 'content')
	server.fail({ kind: 'not-modified' }, { kind: 'not-modified' })
	const error = await failure(t, fetcher.download(context()))
	t.is(error.code, 'FETCH_STATUS')
	t.is(error.status, 304)
	await t.throwsAsync(fetcher.downloadIfChanged(undefined, context()), { code: 'FETCH_STATUS' })
})

for (const etag of ['W/"weak"', '"5d41402abc4b2a76b9719d911017c592-2"', '"with |, % and \\ in it"']) {
	test(`the ETag ${etag} goes out as it came in`, async t => {
		const { server, fetcher } = await setup(t)
		server.put('terms', 'one.json', 'content', { etag })
		const { version } = asBody(await fetcher.downloadIfChanged(undefined, context()))
		t.is(version, etag)
		t.true(isNotModified(await fetcher.downloadIfChanged(version, context())))
		t.is(server.requests[1]!.headers['if-none-match'], etag)
	})
}

test('a version that no header can hold is no reason to fail', async t => {
	const { server, fetcher } = await setup(t)
	server.put('terms', 'one.json', 'content')
	t.is(await textOf(await fetcher.downloadIfChanged('from elsewhere:\r\n日本', context())), 'content')
	t.is(server.requests[0]!.headers['if-none-match'], undefined)
})

test('without an ETag there is no version, and currentVersion never says the same twice', async t => {
	const { server, fetcher } = await setup(t)
	server.put('terms', 'one.json', 'content', { etag: null })
	const download = asBody(await fetcher.downloadIfChanged(undefined, context()))
	t.is(download.version, undefined)
	t.is(await textOf(download), 'content')
	t.not(await fetcher.currentVersion(context()), await fetcher.currentVersion(context()))
})

test('versionId holds on to one version', async t => {
	const server = await serveS3(t)
	const { versionId } = server.put('terms', 'one.json', 'first')
	server.put('terms', 'one.json', 'second')
	const fetcher = new S3Fetcher({
		bucket: 'terms',
		key: 'one.json',
		region: 'eu-west-1',
		endpoint: server.url,
		credentials: server.credentials,
		versionId,
	})
	t.teardown(() => fetcher.close())
	await fetcher.init(context())
	t.is(await textOf(await fetcher.download(context())), 'first')
	t.is(server.requests[0]!.query.get('versionId'), versionId)
})

const errors: ReadonlyArray<readonly [Extract<Fault, { kind: 'error' }>, ErrorCode]> = [
	[{ kind: 'error', status: 404, code: 'NoSuchKey' }, 'FETCH_NOT_FOUND'],
	[{ kind: 'error', status: 404, code: 'NoSuchBucket' }, 'FETCH_NOT_FOUND'],
	[{ kind: 'error', status: 403, code: 'AccessDenied' }, 'FETCH_DENIED'],
	[{ kind: 'error', status: 403, code: 'SignatureDoesNotMatch' }, 'FETCH_DENIED'],
	[{ kind: 'error', status: 400, code: 'ExpiredToken' }, 'FETCH_DENIED'],
	[{ kind: 'error', status: 401, code: 'Whatever' }, 'FETCH_DENIED'],
	[{ kind: 'error', status: 503, code: 'SlowDown' }, 'FETCH_THROTTLED'],
	[{ kind: 'error', status: 429, code: 'TooManyRequests' }, 'FETCH_THROTTLED'],
	[{ kind: 'error', status: 500, code: 'InternalError' }, 'FETCH_STATUS'],
	[{ kind: 'error', status: 503, code: 'ServiceUnavailable' }, 'FETCH_STATUS'],
	[{ kind: 'error', status: 400, code: 'InvalidArgument' }, 'FETCH_STATUS'],
	[{ kind: 'error', status: 301, code: 'PermanentRedirect' }, 'FETCH_STATUS'],
]

for (const [fault, code] of errors) {
	test(`${fault.status} ${fault.code} is ${code}, after one attempt`, async t => {
		const { server, fetcher } = await setup(t)
		server.fail(fault)
		const error = await failure(t, fetcher.download(context()))
		t.is(error.code, code)
		t.is(error.status, fault.status)
		t.true(error.message.includes('s3://terms/one.json'), error.message)
		t.true(error.message.includes(fault.code), error.message)
		t.is(server.requests.length, 1, 'the term retries, the SDK does not')
	})
}

test('Retry-After is kept', async t => {
	const { server, fetcher } = await setup(t)
	server.fail({ kind: 'error', status: 503, code: 'SlowDown', headers: { 'Retry-After': '7' } })
	t.is((await failure(t, fetcher.download(context()))).retryAfter, 7000)
})

test('an unknown access key and a wrong secret are FETCH_DENIED', async t => {
	const server = await serveS3(t)
	server.put('terms', 'one.json', 'content')
	for (const credentials of [
		{ ...server.credentials, accessKeyId: 'AKIDUNKNOWN' },
		{ ...server.credentials, secretAccessKey: 'something else' },
	]) {
		const fetcher = new S3Fetcher({
			bucket: 'terms',
			key: 'one.json',
			region: 'eu-west-1',
			endpoint: server.url,
			credentials,
		})
		t.teardown(() => fetcher.close())
		await fetcher.init(context())
		await t.throwsAsync(fetcher.download(context()), { code: 'FETCH_DENIED' })
	}
})

test('what S3 quotes of a request reaches no error', async t => {
	const { server, fetcher } = await setup(t)
	server.fail({
		kind: 'error',
		status: 403,
		code: 'SignatureDoesNotMatch',
		fields: {
			AWSAccessKeyId: 'AKIDEXAMPLE',
			StringToSign: 'AWS4-HMAC-SHA256',
			CanonicalRequest: 'x-amz-security-token:SECRET-TOKEN',
			'Token-0': 'SECRET-TOKEN',
		},
	})
	const error = await failure(t, fetcher.download(context()))
	const shown = inspect(error, { depth: Infinity, showHidden: true }) + JSON.stringify(error)
	t.false(shown.includes('SECRET-TOKEN'), shown)
	t.false(shown.includes('AKIDEXAMPLE'), shown)
	t.false(shown.includes(server.credentials.secretAccessKey), shown)
	t.like(error.cause, { name: 'SignatureDoesNotMatch', status: 403, requestId: 'TESTREQUEST' })
})

test('a refused connection is FETCH_FAILED', async t => {
	const { fetcher } = await setup(t, { endpoint: `http://127.0.0.1:${await closedPort()}` })
	const error = await failure(t, fetcher.download(context()))
	t.is(error.code, 'FETCH_FAILED')
	t.is(error.status, undefined)
	t.like(error.cause, { code: 'ECONNREFUSED' })
})

test('a connection that breaks before the answer is FETCH_FAILED', async t => {
	const { server, fetcher } = await setup(t)
	server.fail({ kind: 'reset' })
	await t.throwsAsync(fetcher.download(context()), { code: 'FETCH_FAILED' })
})

for (const kind of ['reset', 'short'] as const) {
	for (const checksummed of [false, true]) {
		const title = `${kind === 'reset' ? 'a reset' : 'an early end'} within the body`
		test(`${title} is FETCH_FAILED ${checksummed ? 'with' : 'without'} a checksum`, async t => {
			const { server, fetcher } = await setup(t)
			server.put('terms', 'one.json', Buffer.alloc(64 * KiB), {
				headers: checksummed ? { 'x-amz-checksum-crc32': 'AAAAAA==' } : {},
			})
			server.fail({ kind, afterBytes: KiB })
			const error = await failure(t, textOf(await fetcher.download(context())))
			t.is(error.code, 'FETCH_FAILED')
			await waitFor(() => server.openSockets === 0)
		})
	}
}

test('silence before the answer is FETCH_TIMEOUT', async t => {
	const { server, fetcher } = await setup(t, { requestTimeout: 50 })
	server.fail({ kind: 'stall' })
	await t.throwsAsync(fetcher.download(context()), { code: 'FETCH_TIMEOUT' })
	await waitFor(() => server.openSockets === 0)
})

test('silence within the body is FETCH_TIMEOUT', async t => {
	// The SDK goes by the system's clock; on a machine too busy for an answer within this, that is the timeout.
	const { server, fetcher } = await setup(t, { requestTimeout: 1000 })
	server.put('terms', 'one.json', Buffer.alloc(64 * KiB))
	server.fail({ kind: 'stall', afterBytes: KiB })
	const reading = fetcher.download(context()).then(textOf)
	await t.throwsAsync(reading, { code: 'FETCH_TIMEOUT' })
	await waitFor(() => server.openSockets === 0)
})

test('the signal ends the waiting for an answer, with its reason', async t => {
	const { server, fetcher } = await setup(t)
	const controller = new AbortController()
	server.fail({ kind: 'stall' })
	const pending = fetcher.download(context({ signal: controller.signal }))
	await waitFor(() => server.requests.length === 1)
	controller.abort(new RemoteTermError('TIMEOUT', 'The refresh took too long'))
	await t.throwsAsync(pending, { code: 'TIMEOUT', message: 'The refresh took too long' })
	await waitFor(() => server.openSockets === 0)
	await t.throwsAsync(fetcher.download(context({ signal: controller.signal })), { code: 'TIMEOUT' })
	t.is(server.requests.length, 1, 'an aborted signal sends nothing')
})

for (const checksummed of [false, true]) {
	const which = checksummed ? 'checksummed ' : ''

	test(`the signal ends the reading of a ${which}body, with its reason`, async t => {
		const { server, fetcher } = await setup(t)
		server.put('terms', 'one.json', Buffer.alloc(64 * KiB), {
			headers: checksummed ? { 'x-amz-checksum-crc32': 'AAAAAA==' } : {},
		})
		const controller = new AbortController()
		server.fail({ kind: 'stall', afterBytes: KiB })
		const download = await fetcher.download(context({ signal: controller.signal }))
		const pending = textOf(download)
		controller.abort(new RemoteTermError('STOPPED', 'Enough'))
		await t.throwsAsync(pending, { code: 'STOPPED', message: 'Enough' })
		await waitFor(() => server.openSockets === 0)
	})

	test(`a ${which}body that is given up frees its connection`, async t => {
		const { server, fetcher } = await setup(t)
		server.put('terms', 'one.json', Buffer.alloc(4096 * KiB), {
			headers: checksummed ? { 'x-amz-checksum-crc32': 'AAAAAA==' } : {},
		})
		const cancelled = asBody(await fetcher.download(context()))
		t.is(server.openSockets, 1)
		await cancelled.cancel!()
		await waitFor(() => server.openSockets === 0)
		const stopped = asBody(await fetcher.download(context()))
		let received = 0
		for await (const chunk of stopped.body as AsyncIterable<Uint8Array>) {
			received += chunk.length
			break
		}
		t.true(received > 0)
		await waitFor(() => server.openSockets === 0)
	})
}

test('a body that is read, a 304 and an error leave the connection for the next request', async t => {
	const { server, fetcher } = await setup(t)
	const { etag } = server.put('terms', 'one.json', 'content')
	t.is(await textOf(await fetcher.download(context())), 'content')
	t.true(isNotModified(await fetcher.downloadIfChanged(etag!, context())))
	server.fail({ kind: 'error', status: 500, code: 'InternalError' })
	await t.throwsAsync(fetcher.download(context()))
	t.is(await textOf(await fetcher.download(context())), 'content')
	t.deepEqual(server.statuses, [200, 304, 500, 200])
	t.is(server.openSockets, 1)
})

test('a body that does not fit its checksum is DIGEST_MISMATCH', async t => {
	const { server, fetcher } = await setup(t)
	server.put('terms', 'one.json', 'content', { headers: { 'x-amz-checksum-crc32': 'AAAAAA==' } })
	const error = await failure(t, textOf(await fetcher.download(context())))
	t.is(error.code, 'DIGEST_MISMATCH')
})

for (const [header, encoding] of [
	['gzip', 'gzip'],
	['aws-chunked', undefined],
	['aws-chunked,gzip', 'gzip'],
	['BR', 'br'],
	['zstd', 'zstd'],
	['deflate', 'deflate'],
	['identity', undefined],
] as const) {
	test(`Content-Encoding ${header} is ${encoding ?? 'none'}`, async t => {
		const { server, fetcher } = await setup(t)
		server.put('terms', 'one.json', 'content', { headers: { 'content-encoding': header } })
		const download = asBody(await fetcher.download(context()))
		t.is(download.encoding, encoding)
		t.is(await textOf(download), 'content')
	})
}

for (const header of ['compress', 'gzip, br']) {
	test(`Content-Encoding ${header} is INFLATE_FAILED, and frees its connection`, async t => {
		const { server, fetcher } = await setup(t)
		server.put('terms', 'one.json', Buffer.alloc(4096 * KiB), { headers: { 'content-encoding': header } })
		await t.throwsAsync(fetcher.download(context()), { code: 'INFLATE_FAILED' })
		await waitFor(() => server.openSockets === 0)
	})
}

test('close() ends our own client’s connections, and leaves those of a given one', async t => {
	const { server, fetcher } = await setup(t)
	server.put('terms', 'one.json', 'content')
	await textOf(await fetcher.download(context()))
	t.is(server.openSockets, 1)
	await fetcher.close()
	await waitFor(() => server.openSockets === 0)

	const { url: endpoint, credentials } = server
	const client = new S3Client({ endpoint, credentials, region: 'eu-west-1', forcePathStyle: true })
	t.teardown(() => client.destroy())
	const given = new S3Fetcher({ bucket: 'terms', key: 'one.json', client })
	await given.init(context())
	t.is(await textOf(await given.download(context())), 'content')
	await given.close()
	t.is(server.openSockets, 1)
	client.destroy()
	await waitFor(() => server.openSockets === 0)
})

test('credentials that never come do not outlast the signal', async t => {
	const fetcher = new S3Fetcher({
		bucket: 'terms',
		key: 'one.json',
		region: 'eu-west-1',
		credentials: () => new Promise(() => {}),
	})
	const controller = new AbortController()
	const pending = fetcher.init(context({ signal: controller.signal }))
	controller.abort(new RemoteTermError('TIMEOUT', 'The start took too long'))
	await t.throwsAsync(pending, { code: 'TIMEOUT', message: 'The start took too long' })
})

test('before init() and after close() there is nothing to fetch with', async t => {
	const fetcher = new S3Fetcher({ bucket: 'terms', key: 'one.json', region: 'eu-west-1' })
	await t.throwsAsync(fetcher.download(context()), { code: 'NOT_STARTED' })
	await fetcher.close()
	await t.throwsAsync(fetcher.download(context()), { code: 'NOT_STARTED' })
})

test('the server of these tests serves ranges', async t => {
	const { server } = await setup(t)
	server.put('terms', 'one.json', 'content')
	const client = new S3Client({
		endpoint: server.url,
		credentials: server.credentials,
		region: 'eu-west-1',
		forcePathStyle: true,
	})
	t.teardown(() => client.destroy())
	const { GetObjectCommand } = await import('@aws-sdk/client-s3')
	const part = await client.send(
		new GetObjectCommand({ Bucket: 'terms', Key: 'one.json', Range: 'bytes=1-3' }),
	)
	t.is(await part.Body!.transformToString(), 'ont')
	t.is(part.ContentRange, 'bytes 1-3/7')
})

test('options are checked in the constructor', t => {
	const valid = { bucket: 'terms', key: 'one.json' }
	for (const [wrong, message] of [
		[{ bucket: '' }, /`bucket`/],
		[{ key: undefined }, /`key`/],
		[{ region: 1 }, /`region`/],
		[{ failoverBuckets: {} }, /`failoverBuckets`/],
		[{ failoverBuckets: [{ region: 'eu-west-1' }] }, /`failoverBuckets\[0\]\.bucket`/],
		[{ failoverBuckets: [{ bucket: 'b', regoin: 'x' }] }, /regoin/],
		[{ endpoint: 'localhost:9000' }, /`endpoint`/],
		[{ endpoint: 'ftp://localhost' }, /`endpoint`/],
		[{ forcePathStyle: 'yes' }, /`forcePathStyle`/],
		[{ client: {} }, /`client`/],
		[{ requestTimeout: 0 }, /`requestTimeout`/],
		[{ connectionTimeout: '5s' }, /`connectionTimeout`/],
		[{ buckets: [] }, /`buckets`/],
	] as const) {
		t.throws(() => new S3Fetcher({ ...valid, ...wrong } as never), { code: 'INVALID_OPTION', message })
	}
	const error = t.throws(() => new S3Fetcher({ ...valid, endpoint: 'http://user:hunter2@localhost' }))
	t.false(error.message.includes('hunter2'))
	t.notThrows(() => new S3Fetcher({ ...valid, failoverBuckets: [] }))
})

test('the signal is not left with listeners', async t => {
	const { server, fetcher } = await setup(t)
	server.put('terms', 'one.json', 'content')
	const { signal } = new AbortController()
	let listeners = 0
	const { addEventListener, removeEventListener } = signal
	signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
		listeners++
		addEventListener.apply(signal, args)
	}
	signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
		listeners--
		removeEventListener.apply(signal, args)
	}
	for (let round = 0; round < 3; round++) await textOf(await fetcher.download(context({ signal })))
	await waitFor(() => listeners === 0)
	t.is(listeners, 0)
})
