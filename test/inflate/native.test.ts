import { brotliCompressSync, constants } from 'node:zlib'
import test from 'ava'
import { inflate, supportedEncodings } from '../../lib/inflate/native.ts'
import { inflateSuite } from './suite.ts'
import { cut, inflateAll, outcome, Source, text } from './support.ts'

inflateSuite({ inflate, supportedEncodings })

const encoding = 'br'

test('Brotli is inflated, however it is cut', async t => {
	const content = text(50_000)
	const bytes = brotliCompressSync(content, { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } })
	for (const size of [1, 1000, bytes.length])
		t.deepEqual(
			Uint8Array.from(await inflateAll(inflate, cut(bytes, size), { encoding })),
			Uint8Array.from(content),
		)
	t.is((await inflateAll(inflate, brotliCompressSync(''), { encoding })).length, 0)
})

test('Brotli that is truncated, corrupt or followed by anything is refused', async t => {
	const bytes = brotliCompressSync(text(100))
	for (let length = 0; length < bytes.length; length++)
		t.is(await outcome(inflateAll(inflate, bytes.subarray(0, length), { encoding })), 'INFLATE_FAILED')
	const corrupt = Uint8Array.from(bytes).fill(0xff, 20, 40)
	t.is(await outcome(inflateAll(inflate, corrupt, { encoding })), 'INFLATE_FAILED')
	for (const garbage of [Uint8Array.of(0), Buffer.from('garbage')]) {
		t.is(await outcome(inflateAll(inflate, Buffer.concat([bytes, garbage]), { encoding })), 'INFLATE_FAILED')
		t.is(await outcome(inflateAll(inflate, [bytes, garbage], { encoding })), 'INFLATE_FAILED')
	}
})

test('A bomb of brotli is stopped at the limit', async t => {
	const bytes = brotliCompressSync(new Uint8Array(2 ** 26), {
		params: { [constants.BROTLI_PARAM_QUALITY]: 1 },
	})
	const source = new Source(cut(bytes, 16))
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
	t.true(source.bytesRead < bytes.length)
})
