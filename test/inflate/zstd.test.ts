import * as zlib from 'node:zlib'
import test from 'ava'
import { inflate, supportedEncodings } from '../../lib/inflate/native.ts'
import { cut, inflateAll, outcome, Source, text } from './support.ts'

const { zstdCompressSync } = zlib as {
	zstdCompressSync?: (content: Uint8Array, options?: object) => Uint8Array
}

const encoding = 'zstd'
const CHECKSUM = { params: { 201: 1 } }
const skippable = (length: number): Uint8Array =>
	Buffer.concat([Uint8Array.of(0x5a, 0x2a, 0x4d, 0x18, length, 0, 0, 0), new Uint8Array(length).fill(9)])

if (zstdCompressSync === undefined) {
	test('zstd is left out where the runtime does not have it', async t => {
		t.false(supportedEncodings.includes('zstd'))
		t.is(await outcome(inflateAll(inflate, skippable(1), { encoding })), 'INFLATE_FAILED')
	})
} else {
	const frame = (content: Uint8Array | string, options?: object): Uint8Array =>
		zstdCompressSync(Buffer.from(content), options)
	const all = (bytes: Uint8Array | Uint8Array[], maxInflatedBytes = Infinity): Promise<Uint8Array> =>
		inflateAll(inflate, bytes, { encoding, maxInflatedBytes })

	test('zstd is inflated, however it is cut', async t => {
		for (const content of [text(0), text(1), text(50), text(300_000), new Uint8Array(500_000)]) {
			const bytes = frame(content, CHECKSUM)
			for (const size of [1, 1000, bytes.length])
				t.deepEqual(Uint8Array.from(await all(cut(bytes, size))), Uint8Array.from(content))
		}
	})

	test('All frames are inflated, skippable ones left out', async t => {
		const frames = [
			skippable(0),
			frame('one '),
			skippable(200),
			frame('', CHECKSUM),
			frame('two'),
			skippable(3),
		]
		for (const chunks of [[Buffer.concat(frames)], frames, cut(Buffer.concat(frames), 1)])
			t.is(Buffer.from(await all(chunks)).toString(), 'one two')
		t.is((await all(skippable(5))).length, 0)
	})

	test('zstd that ends too early is refused, wherever that is', async t => {
		for (const bytes of [frame(text(60), CHECKSUM), frame(text(60))]) {
			for (let length = 0; length < bytes.length; length++) {
				const part = bytes.subarray(0, length)
				t.is(await outcome(all(part)), 'INFLATE_FAILED', `${length} bytes`)
				t.is(await outcome(all(cut(part, 1))), 'INFLATE_FAILED', `${length} bytes, split`)
			}
		}
		t.is(await outcome(all(Buffer.concat([frame('one'), frame('two').subarray(0, 7)]))), 'INFLATE_FAILED')
		t.is(await outcome(all(skippable(5).subarray(0, 10))), 'INFLATE_FAILED')
	})

	test('No flipped bit makes a checked zstd frame give anything wrong', async t => {
		const content = text(60)
		const bytes = frame(content, CHECKSUM)
		for (let bit = 0; bit < bytes.length * 8; bit++) {
			const flipped = Uint8Array.from(bytes)
			flipped[bit >> 3]! ^= 1 << (bit & 7)
			const result = await outcome(all(flipped))
			if (result !== 'INFLATE_FAILED') t.deepEqual(result, Uint8Array.from(content), `bit ${bit}`)
		}
		t.pass()
	})

	test('Anything behind a zstd frame is refused', async t => {
		const bytes = frame('content')
		for (const garbage of [Uint8Array.of(0), new Uint8Array(8), Buffer.from('garbage')]) {
			t.is(await outcome(all(Buffer.concat([bytes, garbage]))), 'INFLATE_FAILED')
			t.is(await outcome(all([bytes, garbage])), 'INFLATE_FAILED')
		}
	})

	test('A bomb of zstd is stopped at the limit', async t => {
		const bytes = frame(new Uint8Array(2 ** 27))
		const source = new Source(cut(bytes, 256))
		let produced = 0
		await t.throwsAsync(
			async () => {
				for await (const chunk of inflate(source, encoding, { maxInflatedBytes: 2 ** 20 }))
					produced += chunk.length
			},
			{ code: 'INFLATED_TOO_LARGE' },
		)
		t.true(produced <= 2 ** 20)
		t.is(source.returned, 1)
		t.true(source.bytesRead < bytes.length / 2)
	})
}
