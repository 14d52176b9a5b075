import { gunzipSync, gzipSync } from 'node:zlib'
import type { Publisher } from './publisher.ts'
import type { Random } from './random.ts'

const isIntact = (bytes: Buffer): boolean => {
	try {
		return gunzipSync(bytes).length > 0
	} catch {
		return false
	}
}

/** What can happen to bytes on their way, unseen by HTTP. The name that they travel under is still the right one. */
export const damages = {
	truncated: (bytes: Buffer, random: Random): Buffer => bytes.subarray(0, random.integer(1, bytes.length)),
	/** The eight bytes of CRC-32 and length are missing, so all of the text is there. */
	'without-trailer': (bytes: Buffer): Buffer => bytes.subarray(0, bytes.length - 8),
	/** Behind the header, whose time and system mean nothing: there each bit counts. */
	corrupt: (bytes: Buffer, random: Random): Buffer => {
		for (;;) {
			const copy = Buffer.from(bytes)
			copy[random.integer(10, copy.length)]! ^= 1 << random.integer(0, 8)
			// The bits that fill up the last byte of the deflated data mean nothing either.
			if (!isIntact(copy)) return copy
		}
	},
	'wrong-magic': (bytes: Buffer): Buffer => Buffer.concat([Buffer.from([0x1f, 0x8c]), bytes.subarray(2)]),
	'trailing-garbage': (bytes: Buffer, random: Random): Buffer =>
		Buffer.concat([bytes, Buffer.from(random.text(12))]),
	empty: (): Buffer => Buffer.alloc(0),
} as const satisfies Record<string, (bytes: Buffer, random: Random) => Buffer>

export type Damage = keyof typeof damages

/** More than these hold is refused. */
export const MAX_BYTES = 16 * 1024
export const MAX_INFLATED_BYTES = 128 * 1024

/** What a publisher can publish by mistake: whole, under a name of its own, and nothing that anybody should use. */
export const mistakes = {
	html: () => Buffer.from('<!doctype html><title>Service unavailable</title><h1>Back soon</h1>'),
	'invalid-json': publisher => {
		const text = publisher.written(publisher.unpublished())
		return gzipSync(text.subarray(0, text.length - 20))
	},
	'invalid-utf-8': () => gzipSync(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d])),
	null: () => gzipSync('null'),
	'empty-object': () => gzipSync('{}'),
	'empty-array': () => gzipSync('[]'),
	'wrong-types': publisher => {
		const document = publisher.unpublished()
		return gzipSync(
			publisher.written({ ...document, entries: { ...document.entries, 'entry-0': 7 as never } }),
		)
	},
	'gzip-of-nothing': () => gzipSync(''),
	/** A valid document, and more of it than is wanted. */
	oversize: publisher => gzipSync(publisher.written(publisher.unpublished(2 * MAX_BYTES))),
	/** A valid document, followed by 1 MiB of blanks. */
	bomb: publisher =>
		gzipSync(Buffer.concat([publisher.written(publisher.unpublished()), Buffer.alloc(2 ** 20, ' ')])),
} as const satisfies Record<string, (publisher: Publisher) => Buffer>

export type Mistake = keyof typeof mistakes
