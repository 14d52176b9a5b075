import test from 'ava'
import { StaticFetcher, type StaticFetcherOptions } from '../../fetchers/static.ts'
import { RemoteTermError } from '../../lib/core/errors.ts'
import { conforms } from '../support/conformance.ts'
import { context } from '../support/context.ts'

conforms(test, 'bytes', {
	create(content) {
		const fetcher = new StaticFetcher({ body: content })
		let held = content
		const beside: Record<string, Uint8Array> = {}
		return {
			fetcher,
			async publish(body) {
				held = new Uint8Array(body)
				fetcher.set({ body, beside })
			},
			async publishBeside(suffix, bytes) {
				beside[suffix] = bytes
				fetcher.set({ body: held, beside })
			},
		}
	},
	capabilities: { watch: true, beside: true, unpublish: false },
})

conforms(test, 'a ready value', {
	create(content) {
		const fetcher = new StaticFetcher({ value: Array.from(content) })
		let value = Array.from(content)
		return {
			fetcher,
			publish: async bytes => fetcher.set({ value: (value = Array.from(bytes)) }),
			publishBeside: async (suffix, bytes) => fetcher.set({ value, beside: { [suffix]: bytes } }),
		}
	},
	capabilities: { watch: true, beside: true, unpublish: false },
	expectedValue: content => Array.from(content),
})

test('the derived version of bytes is their digest, so the same in every process', async t => {
	const one = new StaticFetcher({ body: 'abc' })
	const other = new StaticFetcher({ body: Buffer.from('abc') })
	// FIPS 180-2, appendix B.1.
	const expected = 'sha-256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
	t.is(await one.currentVersion(context()), expected)
	t.is(await other.currentVersion(context()), expected)
})

test('the derived version of a value is that of no other fetcher, and of no other value', async t => {
	const one = new StaticFetcher({ value: 1 })
	const other = new StaticFetcher({ value: 1 })
	const version = await one.currentVersion(context())
	t.not(version, await other.currentVersion(context()))
	t.is(await one.currentVersion(context()), version)
	one.set({ value: 1 })
	t.not(await one.currentVersion(context()), version)
})

test('a version that is given is used, once', async t => {
	const fetcher = new StaticFetcher({ body: 'abc', version: 'mine' })
	t.is((await fetcher.download(context())).version, 'mine')
	t.deepEqual(await fetcher.downloadIfChanged('mine', context()), { notModified: true })
	fetcher.set({ body: 'abd' })
	t.regex(await fetcher.currentVersion(context()), /^sha-256:/)
})

test('a string is delivered as UTF-8, with its size in bytes', async t => {
	const download = await new StaticFetcher({ body: 'größer ☃' }).download(context())
	t.deepEqual(download, {
		body: new TextEncoder().encode('größer ☃'),
		size: 12,
		version: download.version,
	})
})

test('a value is delivered as it is, be it null, false or a function', async t => {
	const value = { rate: () => 1 }
	const fetcher = new StaticFetcher({ value })
	t.is(((await fetcher.download(context())) as { value: unknown }).value, value)
	for (const falsy of [null, false, 0, '']) {
		fetcher.set({ value: falsy })
		t.is(((await fetcher.download(context())) as { value: unknown }).value, falsy)
	}
})

test('bytes are copied: what the caller does with its own later changes nothing', async t => {
	const body = Buffer.from('abc')
	const fetcher = new StaticFetcher({ body })
	body.fill(0)
	const download = await fetcher.download(context())
	t.deepEqual((download as { body: unknown }).body, new TextEncoder().encode('abc'))
})

test('watchers hear of set before it returns, each of them, unless an earlier one has ended them', t => {
	const fetcher = new StaticFetcher({ body: 'abc' })
	const heard: string[] = []
	const errors: string[] = []
	const logger = { ...context().logger, error: (message: string) => void errors.push(message) }
	const last: Disposable[] = []
	fetcher.watch(() => {
		heard.push('first')
		for (const watch of last) watch[Symbol.dispose]()
		throw new Error('thrown by a listener')
	}, context({ logger }))
	fetcher.watch(() => heard.push('second'), context())
	last.push(fetcher.watch(() => heard.push('third'), context()))
	fetcher.set({ body: 'abd' })
	t.deepEqual(heard, ['first', 'second'])
	t.deepEqual(errors, ['A listener of StaticFetcher threw'])
})

test('a set that is refused changes nothing and tells nobody', async t => {
	const fetcher = new StaticFetcher({ body: 'abc' })
	const version = await fetcher.currentVersion(context())
	let heard = 0
	fetcher.watch(() => heard++, context())
	t.throws(() => fetcher.set({} as StaticFetcherOptions), { code: 'INVALID_OPTION' })
	t.is(await fetcher.currentVersion(context()), version)
	t.is(heard, 0)
})

test('closed, it tells nobody', async t => {
	const fetcher = new StaticFetcher({ body: 'abc' })
	let heard = 0
	fetcher.watch(() => heard++, context())
	await fetcher.close()
	fetcher.set({ body: 'abd' })
	t.is(heard, 0)
})

const refused: ReadonlyArray<readonly [string, object, RegExp]> = [
	['neither body nor value', {}, /either `body` or `value`/],
	['both', { body: 'a', value: 1 }, /either `body` or `value`/],
	['an undefined value', { value: undefined }, /either `body` or `value`/],
	['an unknown option', { body: 'a', versoin: '1' }, /no option `versoin`/],
	['an empty version', { body: 'a', version: '' }, /`version` to be a non-empty string/],
	['a version that is no string', { value: 1, version: 1 }, /`version` to be a non-empty string/],
	['a body that is neither bytes nor a string', { body: [1, 2] }, /`body` to be a Uint8Array or a string/],
]

for (const [name, options, message] of refused) {
	test(`refuses ${name}`, t => {
		const error = t.throws(() => new StaticFetcher(options as StaticFetcherOptions), { message })
		t.true(error instanceof RemoteTermError && error.code === 'INVALID_OPTION')
	})
}
