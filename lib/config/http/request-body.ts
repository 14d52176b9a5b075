import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { messageOf, RemoteTermError } from '../../core/errors.ts'

export interface RequestBody {
	readonly bytes: Uint8Array
	readonly headers: Readonly<Record<string, string>>
}

/** @throws `INVALID_OPTION` for what cannot be written in that format, such as a circle. */
export const encodeBody = async (
	value: unknown,
	{ format, gzipAbove }: { readonly format: 'json' | 'msgpack'; readonly gzipAbove: number },
): Promise<RequestBody> => {
	const plain = await encode(value, format)
	const type = format === 'json' ? 'application/json' : 'application/vnd.msgpack'
	if (plain.length < gzipAbove) return { bytes: plain, headers: { 'content-type': type } }
	const bytes = await promisify(gzip)(plain)
	return { bytes, headers: { 'content-type': type, 'content-encoding': 'gzip' } }
}

const encode = async (value: unknown, format: 'json' | 'msgpack'): Promise<Uint8Array> => {
	try {
		if (format === 'json') return new TextEncoder().encode(JSON.stringify(value))
		const { Packr } = await import('msgpackr')
		// Records would be an extension of msgpackr's own; and what is left out in JSON is left out here.
		return new Packr({ useRecords: false, encodeUndefinedAsNil: true }).pack(value)
	} catch (error) {
		throw new RemoteTermError(
			'INVALID_OPTION',
			`Expected a configuration that can be written as ${format}: ${messageOf(error)}`,
			{ cause: error },
		)
	}
}
