import { RemoteTermError } from '../../lib/core/errors.ts'
import type { Version } from '../../lib/core/fetcher.ts'
import { invalid, nonEmptyString } from '../../lib/core/options.ts'
import type { ObjectChunks } from './object-body.ts'

/** The last message under the subject that tells of the content. */
export interface Told {
	readonly sequence: number
	readonly data: Uint8Array
	readonly operation: string
	/** As the server writes it: RFC 3339, with nanoseconds. */
	readonly storedAt: string
}

interface About {
	readonly version: Version
	readonly publishedAt: number | undefined
}

export type Found =
	| (About & { readonly body: Uint8Array })
	| (About & { readonly body?: undefined; readonly chunks: ObjectChunks; readonly sha256: string })

/** Where the content lies within JetStream. */
export interface NatsPlace {
	readonly kind: 'key' | 'object'
	/** For messages. */
	readonly name: string
	readonly stream: string
	readonly subject: string
	/** @throws `FETCH_NOT_FOUND`; `FETCH_STATUS` for what cannot be understood */
	read(told: Told | undefined): Found
}

/** @throws `INVALID_OPTION` */
export const locate = ({
	bucket,
	key,
	object,
}: {
	readonly bucket: string
	readonly key?: string | undefined
	readonly object?: string | undefined
}): NatsPlace => {
	if (typeof bucket !== 'string' || !/^[A-Za-z0-9_-]+$/.test(bucket))
		throw invalid('bucket', 'letters, digits, `_` or `-`', bucket)
	if (object !== undefined) {
		if (key !== undefined) throw invalid('key', 'left out because of `object`', key)
		return placeOfObject(bucket, nonEmptyString('object', object))
	}
	// https://docs.nats.io/nats-concepts/jetstream/key-value-store: what a key may be.
	if (typeof key !== 'string' || !/^[-/=\w]+(\.[-/=\w]+)*$/.test(key))
		throw invalid('key', 'letters, digits, `_`, `-`, `/`, `=` or, in between, `.`', key)
	return placeOfKey(bucket, key)
}

const placeOfKey = (bucket: string, key: string): NatsPlace => {
	const name = `the key ${key} of the NATS bucket ${bucket}`
	return {
		...{ kind: 'key', name, stream: `KV_${bucket}`, subject: `$KV.${bucket}.${key}` },
		read(told) {
			if (told === undefined) throw notFound(name, 'it does not exist')
			if (told.operation !== 'PUT') throw notFound(name, 'it was deleted')
			const { sequence, storedAt, data } = told
			// The time tells a bucket that was made anew, and counts from 1 again, from the one that was there before.
			return { version: `${sequence}@${storedAt}`, publishedAt: timeOf(storedAt), body: data }
		},
	}
}

const placeOfObject = (bucket: string, object: string): NatsPlace => {
	const name = `the object ${object} of the NATS object store ${bucket}`
	const stream = `OBJ_${bucket}`
	// UTF-8 as Base64, URL-safe and padded, as the clients write it; save nats.js, whose names are Latin-1.
	const token = Buffer.from(object).toString('base64').replaceAll('+', '-').replaceAll('/', '_')
	return {
		...{ kind: 'object', name, stream, subject: `$O.${bucket}.M.${token}` },
		read(told) {
			if (told === undefined) throw notFound(name, 'it does not exist')
			const { nuid, size, chunks, digest, deleted, options } = parse(name, told.data)
			if (deleted === true) throw notFound(name, 'it was deleted')
			if (options?.link !== undefined && options.link !== null)
				throw new RemoteTermError('FETCH_STATUS', `Cannot fetch ${name}: it is a link to another object`)
			const sha256 = typeof digest === 'string' ? sha256Of(digest) : undefined
			if (
				sha256 === undefined ||
				!Number.isSafeInteger(size) ||
				!Number.isSafeInteger(chunks) ||
				typeof nuid !== 'string' ||
				!/^\w+$/.test(nuid)
			)
				throw new RemoteTermError('FETCH_STATUS', `Cannot fetch ${name}: it has no size or no SHA-256`)
			return {
				version: `sha-256:${sha256}`,
				publishedAt: timeOf(told.storedAt),
				chunks: {
					stream,
					subject: `$O.${bucket}.C.${nuid}`,
					size: size as number,
					count: chunks as number,
					name,
				},
				sha256,
			}
		},
	}
}

interface ObjectTold {
	readonly nuid?: unknown
	readonly size?: unknown
	readonly chunks?: unknown
	readonly digest?: unknown
	readonly deleted?: unknown
	readonly options?: { readonly link?: unknown } | null
}

const parse = (name: string, data: Uint8Array): ObjectTold => {
	try {
		return (JSON.parse(new TextDecoder().decode(data)) as ObjectTold | null) ?? {}
	} catch (cause) {
		throw new RemoteTermError('FETCH_STATUS', `Cannot fetch ${name}: what tells of it is no JSON`, { cause })
	}
}

/** `SHA-256=` and Base64, URL-safe or not, to hexadecimal. */
const sha256Of = (digest: string): string | undefined => {
	const bytes = Buffer.from(/^SHA-256=([\w+/=-]+)$/i.exec(digest)?.[1] ?? '', 'base64')
	return bytes.length === 32 ? bytes.toString('hex') : undefined
}

const timeOf = (text: string): number | undefined => {
	const time = Date.parse(text)
	return Number.isNaN(time) ? undefined : time
}

const notFound = (name: string, why: string): RemoteTermError =>
	new RemoteTermError('FETCH_NOT_FOUND', `Cannot fetch ${name}: ${why}`)
