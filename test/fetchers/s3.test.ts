import test from 'ava'
import { S3Fetcher } from '../../fetchers/s3.ts'
import { isNotModified } from '../../lib/core/fetcher.ts'
import { context } from '../support/context.ts'
import { asBody, textOf } from '../support/download.ts'
import { endpoints } from '../support/s3-endpoints.ts'

for (const [place, open] of endpoints) {
	const setup = async (t: Parameters<typeof open>[0], more: object = {}) => {
		const bucket = await open(t)
		const fetcher = new S3Fetcher({ key: 'terms/one.json', ...bucket.options, ...more })
		t.teardown(() => fetcher.close())
		await fetcher.init(context())
		return { bucket, fetcher }
	}

	test(`an object comes with its ETag, size and date, from ${place}`, async t => {
		const { bucket, fetcher } = await setup(t)
		const before = Math.floor(Date.now() / 1000) * 1000
		const etag = await bucket.put('terms/one.json', '{"a":1}')
		const download = asBody(await fetcher.downloadIfChanged(undefined, context()))
		t.is(download.version, etag)
		t.regex(etag, /^".+"$/, 'the quotes belong to it')
		t.is(download.size, 7)
		t.true(download.publishedAt! >= before && download.publishedAt! <= Date.now() + 1000)
		t.is(download.encoding, undefined)
		t.is(await textOf(download), '{"a":1}')
		t.is(await fetcher.currentVersion(context()), etag)
	})

	test(`an unchanged object is not-modified, a changed one comes, from ${place}`, async t => {
		const { bucket, fetcher } = await setup(t)
		const etag = await bucket.put('terms/one.json', 'first')
		t.true(isNotModified(await fetcher.downloadIfChanged(etag, context())))
		const next = await bucket.put('terms/one.json', 'second')
		const download = asBody(await fetcher.downloadIfChanged(etag, context()))
		t.is(download.version, next)
		t.is(await textOf(download), 'second')
		t.true(isNotModified(await fetcher.downloadIfChanged(next, context())))
	})

	test(`an object that is not there is FETCH_NOT_FOUND, from ${place}`, async t => {
		const { bucket, fetcher } = await setup(t)
		const error = await t.throwsAsync(fetcher.download(context()), { code: 'FETCH_NOT_FOUND' })
		t.true(error.message.includes(`s3://${bucket.options.bucket}/terms/one.json`), error.message)
		await t.throwsAsync(fetcher.currentVersion(context()), { code: 'FETCH_NOT_FOUND' })
	})

	test(`a bucket that is not there is FETCH_NOT_FOUND, from ${place}`, async t => {
		const { fetcher } = await setup(t, { bucket: 'no-such-bucket-of-ours' })
		await t.throwsAsync(fetcher.download(context()), { code: 'FETCH_NOT_FOUND' })
	})

	test(`Content-Encoding is passed on, and the bytes are left alone, from ${place}`, async t => {
		const { bucket, fetcher } = await setup(t)
		await bucket.put('terms/one.json', 'not really gzip', { ContentEncoding: 'gzip' })
		const download = asBody(await fetcher.download(context()))
		t.is(download.encoding, 'gzip')
		t.is(await textOf(download), 'not really gzip')
	})

	test(`an object of several MiB comes whole, from ${place}`, async t => {
		const { bucket, fetcher } = await setup(t)
		const body = Buffer.alloc(5 * 2 ** 20, 'remote-term ')
		await bucket.put('terms/one.json', body)
		const download = asBody(await fetcher.download(context()))
		t.is(download.size, body.length)
		t.true((await textOf(download)) === body.toString())
	})

	test(`keys keep their odd characters, from ${place}`, async t => {
		const key = "a b/ü+&=%/(1)!*'~.json"
		const { bucket, fetcher } = await setup(t, { key })
		await bucket.put(key, 'odd')
		t.is(await textOf(await fetcher.download(context())), 'odd')
	})
}
