import { deflateSync, gzipSync, inflateSync } from 'node:zlib'
import test from 'ava'
import fc from 'fast-check'
import { concat } from '../../lib/core/bytes.ts'
import { RemoteTermError } from '../../lib/core/errors.ts'
import type { Encoding } from '../../lib/core/fetcher.ts'
import { bomb, cut, inflateAll, member, outcome, Source, text, type Implementation } from './support.ts'

const MiB = 2 ** 20
const EMPTY = new Uint8Array()

/** What every implementation of `Inflate` does, registered as tests of the calling file. */
export const inflateSuite = ({ inflate, supportedEncodings }: Implementation): void => {
	const all = (
		bytes: Uint8Array | readonly Uint8Array[],
		options?: { encoding?: Encoding; maxInflatedBytes?: number },
	): Promise<Uint8Array> => inflateAll(inflate, bytes, options)

	test('One gzip member is inflated', async t => {
		const content = text(50_000)
		t.deepEqual(Uint8Array.from(await all(gzipSync(content))), Uint8Array.from(content))
		t.deepEqual(
			Uint8Array.from(await all(cut(gzipSync(content), 1000), { encoding: 'gzip' })),
			Uint8Array.from(content),
		)
	})

	test('All gzip members are inflated, empty ones among them', async t => {
		const members = ['one ', '', 'two ', 'three'].map(part => gzipSync(part))
		const whole = Buffer.concat(members)
		t.is(Buffer.from(await all(whole)).toString(), 'one two three')
		t.is(Buffer.from(await all(members)).toString(), 'one two three', 'a chunk for each')
		t.is(Buffer.from(await all(cut(whole, 1))).toString(), 'one two three', 'a chunk for each byte')
	})

	test('Thousands of small members are inflated', async t => {
		const one = gzipSync('x')
		t.is((await all(cut(Buffer.concat(Array.from({ length: 2000 }, () => one)), 16_384))).length, 2000)
	})

	test('An empty member gives nothing, not even an empty chunk', async t => {
		for (const encoding of ['gzip', 'deflate'] as const) {
			const empty = encoding === 'gzip' ? gzipSync('') : deflateSync('')
			const chunks: Uint8Array[] = []
			for await (const chunk of inflate(new Source([empty]), encoding, { maxInflatedBytes: 0 }))
				chunks.push(chunk)
			t.deepEqual(chunks, [])
		}
	})

	test('Each combination of the optional header fields is read', async t => {
		const content = text(20)
		for (let flags = 0; flags < 16; flags++) {
			const bytes = member(content, {
				...(flags & 1 && { extra: new Uint8Array(flags * 20).fill(7) }),
				...(flags & 2 && { name: 'a name' }),
				...(flags & 4 && { comment: flags & 8 ? '' : 'a comment' }),
				headerCrc: (flags & 8) !== 0,
			})
			t.deepEqual(Uint8Array.from(await all(bytes)), Uint8Array.from(content), `flags ${flags}`)
			t.deepEqual(
				Uint8Array.from(await all(cut(bytes, 1))),
				Uint8Array.from(content),
				`flags ${flags}, split`,
			)
		}
		t.deepEqual(
			Uint8Array.from(await all(member(content, { extra: EMPTY, name: '' }))),
			Uint8Array.from(content),
		)
	})

	test('A header whose checksum is wrong is refused', async t => {
		const bytes = member(text(20), { name: 'a name', headerCrc: true })
		for (let at = 4; at < 19; at++) {
			const flipped = Uint8Array.from(bytes)
			flipped[at]! ^= 0x40
			t.is(await outcome(all(flipped)), 'INFLATE_FAILED', `byte ${at}`)
		}
	})

	test('Unknown methods and reserved flags are refused', async t => {
		for (const [at, value] of [
			[2, 7],
			[3, 0x20],
			[3, 0x40],
			[3, 0x80],
		] as const) {
			const bytes = Uint8Array.from(gzipSync('content'))
			bytes[at] = value
			t.is(await outcome(all(bytes)), 'INFLATE_FAILED', `byte ${at} = ${value}`)
		}
	})

	for (const encoding of ['gzip', 'deflate'] as const) {
		const compress = (content: Uint8Array): Uint8Array =>
			encoding === 'gzip'
				? member(content, { extra: Uint8Array.of(1, 2, 3), name: 'n', comment: 'c', headerCrc: true })
				: deflateSync(content)

		test(`${encoding} that ends too early is refused, wherever that is`, async t => {
			const bytes = compress(text(60))
			for (let length = 0; length < bytes.length; length++) {
				const part = bytes.subarray(0, length)
				t.is(await outcome(all(part, { encoding })), 'INFLATE_FAILED', `${length} bytes`)
				t.is(await outcome(all(cut(part, 1), { encoding })), 'INFLATE_FAILED', `${length} bytes, split`)
			}
		})

		test(`No flipped bit makes ${encoding} give anything wrong`, async t => {
			const content = text(60)
			const bytes = encoding === 'gzip' ? gzipSync(content) : deflateSync(content)
			const [header, trailer] = encoding === 'gzip' ? [10, 8] : [2, 4]
			let refused = 0
			for (let bit = header * 8; bit < bytes.length * 8; bit++) {
				const flipped = Uint8Array.from(bytes)
				flipped[bit >> 3]! ^= 1 << (bit & 7)
				const result = await outcome(all(flipped, { encoding }))
				if (result === 'INFLATE_FAILED') refused++
				else {
					// A few bits carry nothing: those after the last code, the lengths of codes that do not occur.
					t.true(bit >> 3 < bytes.length - trailer, `bit ${bit} of the trailer may not be ignored`)
					t.deepEqual(result, Uint8Array.from(content), `bit ${bit}`)
				}
			}
			t.true(refused > (bytes.length - header) * 8 * 0.98)
		})

		test(`Any flipped bit in ${encoding} of any content is refused or without effect`, async t => {
			await fc.assert(
				fc.asyncProperty(
					fc.uint8Array({ maxLength: 300 }),
					fc.constantFrom(0, 1, 9),
					fc.nat(),
					async (content, level, chance) => {
						const bytes = Uint8Array.from(
							encoding === 'gzip' ? gzipSync(content, { level }) : deflateSync(content, { level }),
						)
						const header = encoding === 'gzip' ? 10 : 2
						const bit = header * 8 + (chance % ((bytes.length - header) * 8))
						bytes[bit >> 3]! ^= 1 << (bit & 7)
						const result = await outcome(all(bytes, { encoding }))
						if (result !== 'INFLATE_FAILED') t.deepEqual(result, content)
					},
				),
			)
			t.pass()
		})

		test(`How ${encoding} is cut into chunks makes no difference`, async t => {
			await fc.assert(
				fc.asyncProperty(
					fc.array(fc.uint8Array({ maxLength: 2000 }), {
						minLength: 1,
						maxLength: encoding === 'gzip' ? 4 : 1,
					}),
					fc.array(fc.nat({ max: 400 }), { maxLength: 30 }),
					async (contents, sizes) => {
						const bytes = concat(
							contents.map(content => (encoding === 'gzip' ? gzipSync(content) : deflateSync(content))),
						)
						const chunks: Uint8Array[] = []
						let at = 0
						for (const size of sizes) chunks.push(bytes.subarray(at, (at += size)))
						chunks.push(bytes.subarray(at))
						t.deepEqual(Uint8Array.from(await all(chunks, { encoding })), Uint8Array.from(concat(contents)))
					},
				),
				{ numRuns: 60 },
			)
		})

		test(`The most that may come out of ${encoding} may, and one byte more may not`, async t => {
			const content = text(100_000)
			const bytes = compress(content)
			const exact = await all(cut(bytes, 5000), { encoding, maxInflatedBytes: content.length })
			t.is(exact.length, content.length)
			const source = new Source(cut(bytes, 5000))
			const error = await t.throwsAsync(
				async () => {
					for await (const _ of inflate(source, encoding, { maxInflatedBytes: content.length - 1 }));
				},
				{ instanceOf: RemoteTermError, code: 'INFLATED_TOO_LARGE' },
			)
			t.regex(error.message, new RegExp(String(content.length - 1)))
		})

		test(`A consumer of ${encoding} that stops early ends the source`, async t => {
			const source = new Source(cut(compress(text(200_000)), 1000))
			for await (const chunk of inflate(source, encoding, { maxInflatedBytes: Infinity })) {
				t.true(chunk.length > 0)
				break
			}
			t.is(source.returned, 1)
			t.false(source.exhausted)
		})

		test(`What the source of ${encoding} throws passes as it is`, async t => {
			const failure = new RemoteTermError('FETCH_INCOMPLETE', 'The body ended early')
			const bytes = compress(text(20_000))
			for (const length of [0, 1, 100, bytes.length - 1, bytes.length]) {
				const source = new Source([bytes.subarray(0, length)], failure)
				const thrown = await t.throwsAsync(async () => {
					for await (const _ of inflate(source, encoding, { maxInflatedBytes: Infinity }));
				})
				t.is(thrown, failure)
				t.is(source.returned, 0, 'what has thrown need not be ended')
			}
		})

		test(`Corrupt ${encoding} ends the source`, async t => {
			const bytes = Uint8Array.from(compress(text(200_000)))
			bytes.fill(0xff, 3000, 3100)
			const source = new Source(cut(bytes, 1000))
			await t.throwsAsync(
				async () => {
					for await (const _ of inflate(source, encoding, { maxInflatedBytes: Infinity }));
				},
				{ instanceOf: RemoteTermError, code: 'INFLATE_FAILED' },
			)
			t.is(source.returned, 1)
			t.false(source.exhausted)
		})
	}

	test('Zeros behind gzip are padding', async t => {
		const bytes = gzipSync('content')
		for (const length of [1, 2, 7, 512, 100_000]) {
			const padded = Buffer.concat([bytes, new Uint8Array(length)])
			t.is(Buffer.from(await all(padded)).toString(), 'content')
			t.is(Buffer.from(await all([bytes, new Uint8Array(length)])).toString(), 'content')
			t.is(Buffer.from(await all(cut(padded, 100))).toString(), 'content')
		}
	})

	test('Anything else behind gzip is refused', async t => {
		const bytes = gzipSync('content')
		for (const garbage of [
			Uint8Array.of(1),
			Uint8Array.of(0x1f),
			Uint8Array.of(0x1f, 0x8b),
			Uint8Array.of(0x1f, 0x8b, 8),
			Uint8Array.of(0, 1),
			Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1),
			Buffer.from('garbage'),
			concat([new Uint8Array(3), gzipSync('a member behind the padding')]),
			gzipSync('a truncated second member').subarray(0, -1),
			gzipSync('a truncated second header').subarray(0, 9),
		]) {
			const whole = concat([bytes, garbage])
			t.is(await outcome(all(whole)), 'INFLATE_FAILED')
			t.is(await outcome(all([bytes, garbage])), 'INFLATE_FAILED', 'in a chunk of its own')
			t.is(await outcome(all(cut(whole, 1))), 'INFLATE_FAILED', 'byte by byte')
		}
	})

	test('Anything behind deflate is refused, zeros too', async t => {
		const bytes = deflateSync('content')
		for (const garbage of [Uint8Array.of(0), Uint8Array.of(1), deflateSync('more')]) {
			t.is(await outcome(all(concat([bytes, garbage]), { encoding: 'deflate' })), 'INFLATE_FAILED')
			t.is(await outcome(all([bytes, garbage], { encoding: 'deflate' })), 'INFLATE_FAILED')
		}
	})

	test('A preset dictionary is refused', async t => {
		const bytes = deflateSync('content', { dictionary: Buffer.from('content') })
		t.is(inflateSync(bytes, { dictionary: Buffer.from('content') }).toString(), 'content')
		t.is(await outcome(all(bytes, { encoding: 'deflate' })), 'INFLATE_FAILED')
	})

	test('An encoding that this runtime does not have is refused by name, and its source ended', async t => {
		const missing = (['gzip', 'deflate', 'br', 'zstd', 'compress' as Encoding] as const).filter(
			encoding => !supportedEncodings.includes(encoding),
		)
		t.true(missing.length > 0)
		for (const encoding of missing) {
			const source = new Source([Uint8Array.of(1)])
			const error = await t.throwsAsync(
				async () => {
					for await (const _ of inflate(source, encoding, { maxInflatedBytes: 10 }));
				},
				{ instanceOf: RemoteTermError, code: 'INFLATE_FAILED' },
			)
			t.true(error.message.includes(encoding) && error.message.includes('gzip, deflate'), error.message)
			t.is(source.returned, 1)
			t.is(source.bytesRead, 0)
		}
	})

	test('A bomb goes off in a small room: little is read, little comes out', async t => {
		const bytes = bomb(1024)
		t.true(bytes.length < 1.2 * MiB)
		for (const size of [1, 64, 1024].map(kibibytes => kibibytes * 1024)) {
			const source = new Source(cut(bytes, size))
			let produced = 0
			let longest = 0
			await t.throwsAsync(
				async () => {
					for await (const chunk of inflate(source, 'gzip', { maxInflatedBytes: 4 * MiB })) {
						produced += chunk.length
						longest = Math.max(longest, chunk.length)
					}
				},
				{ instanceOf: RemoteTermError, code: 'INFLATED_TOO_LARGE' },
			)
			t.true(produced <= 4 * MiB)
			t.true(longest <= 8.5 * MiB)
			t.true(source.bytesRead <= Math.max(size, 8 * 1024), `${source.bytesRead} bytes read`)
			t.is(source.returned, 1)
		}
	})

	test('Nothing is read before the consumer asks, nor far ahead of it', async t => {
		const source = new Source(cut(bomb(64), 1024))
		const inflated = inflate(source, 'gzip', { maxInflatedBytes: Infinity })[Symbol.asyncIterator]()
		t.is(source.bytesRead, 0)
		let produced = 0
		for (let step = 0; step < 8; step++) {
			produced += ((await inflated.next()) as { value: Uint8Array }).value.length
			t.true(source.bytesRead <= produced / 1000 + 3 * 1024, `${source.bytesRead} read for ${produced}`)
		}
		await inflated.return?.()
		t.is(source.returned, 1)
		t.deepEqual(await inflated.next(), { done: true, value: undefined })
	})
}
