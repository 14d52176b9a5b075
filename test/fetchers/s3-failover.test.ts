import test, { type ExecutionContext } from 'ava'
import { S3Fetcher } from '../../fetchers/s3.ts'
import { RemoteTermError } from '../../lib/core/errors.ts'
import { isNotModified, type FetchContext } from '../../lib/core/fetcher.ts'
import { FakeClock } from '../../lib/testing/fake-clock.ts'
import { context as plainContext } from '../support/context.ts'
import { asBody, textOf } from '../support/download.ts'
import { serveS3, type Fault, type S3Server } from '../support/s3-server.ts'

const MINUTE = 60_000
const start = Date.UTC(2026, 5, 1)
const minute = (n: number): { lastModified: number } => ({ lastModified: start + n * MINUTE })

const setup = async (
	t: ExecutionContext,
): Promise<{ eu: S3Server; us: S3Server; fetcher: S3Fetcher; clock: FakeClock; context: FetchContext }> => {
	const [eu, us] = [await serveS3(t), await serveS3(t)]
	const fetcher = new S3Fetcher({
		bucket: 'terms-eu',
		key: 'one.json',
		region: 'eu-west-1',
		endpoint: eu.url,
		credentials: eu.credentials,
		failoverBuckets: [{ region: 'us-east-1', endpoint: us.url, bucket: 'terms-us' }],
	})
	t.teardown(() => fetcher.close())
	const clock = new FakeClock(start + 24 * 60 * MINUTE)
	const context = plainContext({ clock })
	await fetcher.init(context)
	return { eu, us, fetcher, clock, context }
}

const serverError: Fault = { kind: 'error', status: 500, code: 'InternalError' }
const mark = (server: S3Server, bucket: string, region: string): string =>
	`${bucket}@${region}@${new URL(server.url).host}|`

test('the first bucket answers, and the others hear nothing of it', async t => {
	const { eu, us, fetcher, context } = await setup(t)
	const { etag } = eu.put('terms-eu', 'one.json', 'content', minute(1))
	us.put('terms-us', 'one.json', 'content', minute(1))
	const download = asBody(await fetcher.downloadIfChanged(undefined, context))
	t.is(download.version, mark(eu, 'terms-eu', 'eu-west-1') + etag)
	t.is(download.publishedAt, minute(1).lastModified)
	t.is(await textOf(download), 'content')
	t.true(isNotModified(await fetcher.downloadIfChanged(download.version, context)))
	t.is(us.requests.length, 0)
})

test('where the first fails the second answers, in its own region', async t => {
	const { eu, us, fetcher, context } = await setup(t)
	const { etag } = us.put('terms-us', 'one.json', 'content', minute(1))
	eu.fail(serverError)
	const download = asBody(await fetcher.downloadIfChanged(undefined, context))
	t.is(download.version, mark(us, 'terms-us', 'us-east-1') + etag)
	t.is(await textOf(download), 'content')
	t.regex(us.requests[0]!.headers.authorization!, /\/us-east-1\/s3\//)
	t.is(us.requests[0]!.path, '/terms-us/one.json')
})

test('where all fail the first one’s code leads, and each bucket’s error is kept', async t => {
	const { eu, us, fetcher, context } = await setup(t)
	eu.fail({ kind: 'error', status: 503, code: 'SlowDown' })
	us.fail({ kind: 'reset' })
	const error = await t.throwsAsync(fetcher.download(context), { instanceOf: RemoteTermError })
	t.is(error.code, 'FETCH_THROTTLED')
	t.deepEqual(
		(error.cause as AggregateError).errors.map(({ code }: RemoteTermError) => code),
		['FETCH_THROTTLED', 'FETCH_FAILED'],
	)
	t.true(error.message.includes('terms-eu') && error.message.includes('terms-us'), error.message)
})

test('a 304 of the second bucket is as good as one of the first', async t => {
	const { eu, us, fetcher, context } = await setup(t)
	us.put('terms-us', 'one.json', 'content', minute(1))
	eu.fail(serverError)
	const { version } = asBody(await fetcher.download(context))
	t.true(isNotModified(await fetcher.downloadIfChanged(version, context)))
	t.deepEqual(us.statuses, [200, 304])
})

test('an ETag of the first bucket is never sent to the second', async t => {
	const { eu, us, fetcher, context } = await setup(t)
	eu.put('terms-eu', 'one.json', 'content', minute(1))
	us.put('terms-us', 'one.json', 'newer', minute(2))
	const { version } = asBody(await fetcher.download(context))
	eu.fail(serverError)
	t.is(await textOf(await fetcher.downloadIfChanged(version, context)), 'newer')
	t.is(us.requests[0]!.headers['if-none-match'], undefined)
})

test('an older replica does not bring back what it has not forgotten', async t => {
	const { eu, us, fetcher, context } = await setup(t)
	eu.put('terms-eu', 'one.json', 'new', minute(2))
	us.put('terms-us', 'one.json', 'old', minute(1))
	const first = asBody(await fetcher.download(context))
	t.is(await textOf(first), 'new')
	eu.down = serverError
	t.true(isNotModified(await fetcher.downloadIfChanged(first.version, context)))
	t.true(isNotModified(await fetcher.downloadIfChanged(first.version, context)))
	t.deepEqual(us.statuses.slice(1), [304], 'nor is it downloaded again')
	us.put('terms-us', 'one.json', 'newest', minute(3))
	t.is(await textOf(await fetcher.downloadIfChanged(first.version, context)), 'newest')
})

for (const [status, code] of [
	[403, 'AccessDenied'],
	[404, 'NoSuchKey'],
] as const) {
	test(`a ${status} of the first bucket is shown, not covered up by the second`, async t => {
		const { eu, us, fetcher, context } = await setup(t)
		us.put('terms-us', 'one.json', 'content', minute(1))
		eu.fail({ kind: 'error', status, code })
		const error = await t.throwsAsync<RemoteTermError>(fetcher.download(context))
		t.is(error.status, status)
		t.is(us.requests.length, 0)
	})
}

test('the bucket that answered stays until the first has had a minute', async t => {
	const { eu, us, fetcher, clock, context } = await setup(t)
	eu.put('terms-eu', 'one.json', 'content', minute(1))
	us.put('terms-us', 'one.json', 'content', minute(1))
	eu.fail(serverError)
	const { version } = asBody(await fetcher.download(context))
	await clock.advance(MINUTE - 1)
	t.true(isNotModified(await fetcher.downloadIfChanged(version, context)))
	t.is(eu.requests.length, 1)
	await clock.advance(1)
	const back = asBody(await fetcher.downloadIfChanged(version, context))
	t.true(back.version!.startsWith('terms-eu@'))
	t.is(await textOf(back), 'content', 'the term sees by the digest that nothing has changed')
	t.true(isNotModified(await fetcher.downloadIfChanged(back.version, context)))
	t.is(us.requests.length, 2)
})

test('after a body that breaks off the next refresh begins with the second bucket', async t => {
	const { eu, us, fetcher, context } = await setup(t)
	eu.put('terms-eu', 'one.json', Buffer.alloc(65_536), minute(1))
	us.put('terms-us', 'one.json', 'content', minute(1))
	eu.fail({ kind: 'reset', afterBytes: 1024 })
	await t.throwsAsync(textOf(await fetcher.download(context)), { code: 'FETCH_FAILED' })
	t.is(await textOf(await fetcher.download(context)), 'content')
})

test('no failover buckets are the same as none given: the ETag is the version', async t => {
	const server = await serveS3(t)
	const { etag } = server.put('terms', 'one.json', 'content')
	const fetcher = new S3Fetcher({
		bucket: 'terms',
		key: 'one.json',
		region: 'eu-west-1',
		endpoint: server.url,
		credentials: server.credentials,
		failoverBuckets: [],
	})
	t.teardown(() => fetcher.close())
	const context = plainContext()
	await fetcher.init(context)
	const download = asBody(await fetcher.download(context))
	t.is(download.version, etag!)
	await download.cancel!()
})
