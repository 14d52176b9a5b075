import { gzipSync } from 'node:zlib'
import test from 'ava'
import fc from 'fast-check'
import { collect } from '../../lib/core/bytes.ts'
import { RemoteTermError } from '../../lib/core/errors.ts'
import { detectEncoding, inflateDetected } from '../../lib/inflate/detect.ts'
import { supportedEncodings } from '../../lib/inflate/native.ts'
import { cut, outcome, Source, text } from './support.ts'

const UNLIMITED = { maxInflatedBytes: Infinity }

test('gzip and zstd are known by their magic bytes', t => {
	const cases: Array<[number[], 'gzip' | 'zstd' | undefined]> = [
		[[0x1f, 0x8b], 'gzip'],
		[[0x1f, 0x8b, 8, 0], 'gzip'],
		[[0x28, 0xb5, 0x2f, 0xfd], 'zstd'],
		[[0x50, 0x2a, 0x4d, 0x18], 'zstd'],
		[[0x5f, 0x2a, 0x4d, 0x18, 1], 'zstd'],
		[[], undefined],
		[[0x1f], undefined],
		[[0x8b, 0x1f], undefined],
		[[0x28, 0xb5, 0x2f], undefined],
		[[0x60, 0x2a, 0x4d, 0x18], undefined],
		[[0x4f, 0x2a, 0x4d, 0x18], undefined],
		[[0x78, 0x9c], undefined],
		[[0x7b, 0x7d], undefined],
	]
	for (const [head, encoding] of cases) t.is(detectEncoding(Uint8Array.from(head)), encoding, head.join(' '))
})

test('gzip is inflated, even if it comes byte by byte', async t => {
	const content = text(5000)
	const bytes = gzipSync(content)
	for (const chunks of [
		[bytes],
		cut(bytes, 1),
		[new Uint8Array(), bytes.subarray(0, 1), bytes.subarray(1)],
	]) {
		const inflated = await collect(inflateDetected(new Source(chunks), UNLIMITED))
		t.deepEqual(Uint8Array.from(inflated), Uint8Array.from(content))
	}
})

test('Anything else passes as it is, whatever its size, chunk by chunk', async t => {
	const chunks = [Uint8Array.of(0x50), Uint8Array.of(0x2a, 0x4d), text(100), new Uint8Array(), text(3)]
	const passed: Uint8Array[] = []
	for await (const chunk of inflateDetected(new Source(chunks), { maxInflatedBytes: 1 })) passed.push(chunk)
	t.is(passed.length, chunks.length)
	for (const [index, chunk] of passed.entries()) t.true(chunk === chunks[index])
})

test('Whatever is not compressed passes, however it is cut', async t => {
	const start = fc.constantFrom([], [0x1f], [0x28], [0x28, 0xb5, 0x2f], [0x53, 0x2a, 0x4d])
	await fc.assert(
		fc.asyncProperty(start, fc.uint8Array(), fc.integer({ min: 1, max: 5 }), async (magic, rest, size) => {
			const bytes = Uint8Array.from([...magic, ...rest])
			fc.pre(detectEncoding(bytes) === undefined)
			const passed = await collect(inflateDetected(new Source(cut(bytes, size)), UNLIMITED))
			t.deepEqual(passed, bytes)
		}),
	)
})

test('No more is read than it takes to tell', async t => {
	const reads = async (...bytes: number[]): Promise<number> => {
		const source = new Source(cut(Uint8Array.from(bytes), 1))
		const passed = inflateDetected(source, UNLIMITED)
		await passed.next()
		await passed.return()
		t.is(source.returned, 1)
		return source.bytesRead
	}
	t.is(await reads(0x7b, 1, 2, 3, 4, 5), 1)
	t.is(await reads(0x1f, 0x8c, 2, 3, 4, 5), 2)
	t.is(await reads(0x28, 0xb5, 0x2f, 0xfe, 4, 5), 4)
})

test('gzip by its first bytes that is none behind them is refused', async t => {
	for (const bytes of [
		[0x1f, 0x8b],
		[0x1f, 0x8b, 7, 0, 0, 0, 0, 0, 0, 0],
		[0x1f, 0x8b, 8, 0, 0],
	]) {
		const source = new Source(cut(Uint8Array.from(bytes), 1))
		t.is(await outcome(collect(inflateDetected(source, UNLIMITED))), 'INFLATE_FAILED')
	}
})

test('The limit holds for what is inflated', async t => {
	const source = new Source(cut(gzipSync(text(100)), 10))
	t.is(await outcome(collect(inflateDetected(source, { maxInflatedBytes: 99 }))), 'INFLATED_TOO_LARGE')
	t.is(source.returned, 1)
})

test('zstd is inflated where the runtime can, and refused by name elsewhere', async t => {
	// A frame of one raw block, made by hand: single segment, content size 2, no checksum.
	const bytes = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x20, 2, 0x11, 0, 0, 0x68, 0x69)
	const source = new Source(cut(bytes, 1))
	const inflated = collect(inflateDetected(source, UNLIMITED))
	if (supportedEncodings.includes('zstd')) t.is(Buffer.from(await inflated).toString(), 'hi')
	else {
		const error = await t.throwsAsync(inflated, { instanceOf: RemoteTermError, code: 'INFLATE_FAILED' })
		t.regex(error.message, /zstd.*gzip, deflate, br/)
		t.is(source.returned, 1)
	}
})

test('What the source throws passes as it is, while telling and after', async t => {
	const failure = new RemoteTermError('FETCH_INCOMPLETE', 'The body ended early')
	for (const bytes of [[], [0x1f], [0x1f, 0x8b, 8], [0x7b, 0x22]]) {
		const source = new Source([Uint8Array.from(bytes)], failure)
		t.is(await t.throwsAsync(collect(inflateDetected(source, UNLIMITED))), failure)
		t.is(source.returned, 0)
	}
})

test('An empty body stays empty', async t => {
	t.is((await collect(inflateDetected(new Source([]), UNLIMITED))).length, 0)
	t.is((await collect(inflateDetected(new Source([new Uint8Array()]), UNLIMITED))).length, 0)
})
