import { deflateSync, gzipSync } from 'node:zlib'
import test from 'ava'
import fc from 'fast-check'
import { inflate as native } from '../../lib/inflate/native.ts'
import { inflate as portable } from '../../lib/inflate/portable.ts'
import { inflateAll, member, outcome } from './support.ts'

const content = fc.oneof(
	fc.uint8Array({ maxLength: 3000 }),
	fc.string({ maxLength: 200, unit: 'grapheme' }).map(string => Buffer.from(string.repeat(50))),
)

for (const encoding of ['gzip', 'deflate'] as const) {
	const both = (bytes: Uint8Array): Promise<[unknown, unknown]> =>
		Promise.all([
			outcome(inflateAll(native, bytes, { encoding })),
			outcome(inflateAll(portable, bytes, { encoding })),
		])

	test(`Both implementations agree on ${encoding} of any content`, async t => {
		await fc.assert(
			fc.asyncProperty(content, fc.integer({ min: 0, max: 9 }), async (bytes, level) => {
				const [one, other] = await both((encoding === 'gzip' ? gzipSync : deflateSync)(bytes, { level }))
				t.deepEqual(one, Uint8Array.from(bytes))
				t.deepEqual(other, one)
			}),
		)
	})

	test(`Both implementations agree on what is no ${encoding}`, async t => {
		await fc.assert(
			fc.asyncProperty(fc.uint8Array({ maxLength: 100 }), async bytes => {
				const [one, other] = await both(bytes)
				t.deepEqual(other, one)
			}),
		)
	})

	test(`Both implementations agree on damaged ${encoding}`, async t => {
		await fc.assert(
			fc.asyncProperty(
				content,
				fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 3 }),
				fc.array(fc.constantFrom(0, 0, 0, 0x1f), { maxLength: 3 }),
				async (original, damage, tail) => {
					const whole =
						encoding === 'gzip'
							? Buffer.concat([member(original, { name: 'n', headerCrc: true }), gzipSync('second')])
							: deflateSync(original)
					const bytes = Uint8Array.from(Buffer.concat([whole, Uint8Array.from(tail)]))
					// The complement of a stored block's length is the one thing that fflate does not look at.
					for (const [at, value] of damage) bytes[at % bytes.length] = value
					const [one, other] = await both(bytes)
					if (one === 'INFLATE_FAILED' && other instanceof Uint8Array) {
						const expected = encoding === 'gzip' ? Buffer.concat([original, Buffer.from('second')]) : original
						t.deepEqual(other, Uint8Array.from(expected))
					} else t.deepEqual(other, one)
				},
			),
			{ numRuns: 200 },
		)
	})
}
