import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { deflateRaw, inflateRaw } from 'node:zlib'
import { Packr } from 'msgpackr/pack'
import { msgpack } from '../../codecs/msgpack.ts'
import { messageOf, RemoteTermError } from '../../core/errors.ts'
import type { ConfigItem, PullTarget } from '../config-db.ts'
import type { StoredService } from '../service-state.ts'
import type { Generation } from './keys.ts'

/** Raised by whoever changes what is stored so that an older reader would misread it. */
export const FORMAT = 1

/** How many writes back a head remembers, so that one whose answer was lost can be told from one that never was. */
const LINEAGE = 16

/** A write, and the revision of the head that it replaced. */
export type Ancestor = readonly [id: string, replaces: number]

/** What a message under a service's head key says, without the state itself. */
export interface Head {
	readonly kind: 'committed' | 'deleted' | 'enabled' | 'disabled'
	/** This write first, then those before it. */
	readonly lineage: readonly Ancestor[]
	readonly body: Body | undefined
}

/** The state as bytes: in the head itself, or in chunks of a generation. */
export type Body =
	| { readonly bytes: Uint8Array; readonly deflated: boolean }
	| {
			readonly chunks: number
			readonly generation: Generation
			readonly size: number
			/** SHA-256 in hexadecimal. */
			readonly digest: string
			readonly deflated: boolean
	  }

const packr = new Packr({ useRecords: false })
const deflate = promisify(deflateRaw)
const inflate = promisify(inflateRaw)

/** Below this, deflating saves nothing worth the while. */
const DEFLATE_FROM = 1024
const MAX_INFLATED = 512 * 2 ** 20

/** The revision is left out: it is the place of the head in the stream, which is known once that is stored. */
export const encodeState = async <Item extends ConfigItem, Pull extends PullTarget>({
	record: { revision: _, ...record },
	items,
	flags,
}: StoredService<Item, Pull>): Promise<{ bytes: Uint8Array; deflated: boolean }> => {
	const plain = new Uint8Array(packr.pack({ record, items, flags }))
	return plain.length < DEFLATE_FROM
		? { bytes: plain, deflated: false }
		: { bytes: await deflate(plain), deflated: true }
}

/** @throws `DATABASE_FAILED` for what `encodeState` has not written. */
export const decodeState = async <Item extends ConfigItem, Pull extends PullTarget>(
	service: string,
	revision: number,
	{ bytes, deflated }: { readonly bytes: Uint8Array; readonly deflated: boolean },
): Promise<StoredService<Item, Pull>> => {
	try {
		const plain = deflated ? await inflate(bytes, { maxOutputLength: MAX_INFLATED }) : bytes
		const { record, items, flags } = msgpack<StoredService<Item, Pull>>(plain)
		const isItem = (item: unknown): boolean =>
			isObject(item) &&
			item['service'] === service &&
			typeof item['requestType'] === 'string' &&
			typeof item['version'] === 'string'
		const isFlag = (flag: unknown): boolean =>
			Array.isArray(flag) &&
			typeof flag[0] === 'string' &&
			typeof flag[1] === 'string' &&
			typeof flag[2] === 'boolean'
		if (!isObject(record) || record['service'] !== service) throw new Error('its record is not its own')
		if (!Array.isArray(items) || !items.every(isItem)) throw new Error('its items are none')
		if (!Array.isArray(flags) || !flags.every(isFlag)) throw new Error('its flags are none')
		return { record: { ...record, revision }, items, flags }
	} catch (error) {
		throw damaged(service, messageOf(error), error)
	}
}

export const encodeHead = ({ kind, lineage, body }: Head): Uint8Array =>
	// A copy: what packr returns is a part of its buffer.
	new Uint8Array(
		packr.pack({ remoteTermConfig: FORMAT, kind, lineage: lineage.slice(0, LINEAGE), body: body ?? null }),
	)

/** @throws `DATABASE_FAILED` for what is foreign, or of a newer format. */
export const decodeHead = (service: string, data: Uint8Array): Head => {
	let head: unknown
	try {
		head = msgpack(data)
	} catch (error) {
		throw damaged(service, 'it is no MessagePack', error)
	}
	const format = isObject(head) ? head['remoteTermConfig'] : undefined
	if (!isObject(head) || typeof format !== 'number') throw damaged(service, 'it is nothing of ours')
	if (format > FORMAT) throw newer(`The entry of service ${service}`, format)
	const { kind, lineage, body } = head
	if (
		!['committed', 'deleted', 'enabled', 'disabled'].includes(kind as string) ||
		!Array.isArray(lineage) ||
		!lineage.every(one => Array.isArray(one) && typeof one[0] === 'string' && Number.isSafeInteger(one[1])) ||
		(kind === 'deleted' ? body !== null : !isBody(body))
	)
		throw damaged(service, 'it is incomplete')
	return { kind, lineage, body: body ?? undefined } as Head
}

const isBody = (body: unknown): body is Body =>
	isObject(body) &&
	typeof body['deflated'] === 'boolean' &&
	(body['bytes'] instanceof Uint8Array ||
		(Number.isSafeInteger(body['chunks']) &&
			Number.isSafeInteger(body['size']) &&
			typeof body['digest'] === 'string' &&
			isObject(body['generation']) &&
			Number.isSafeInteger(body['generation']['replaces']) &&
			typeof body['generation']['id'] === 'string'))

const isObject = (value: unknown): value is Record<string, unknown> =>
	typeof value === 'object' && value !== null && !Array.isArray(value)

export const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

export const damaged = (service: string, how: string, cause?: unknown): RemoteTermError =>
	new RemoteTermError(
		'DATABASE_FAILED',
		`The entry of service ${service} in the NATS bucket cannot be read: ${how}`,
		cause === undefined ? {} : { cause },
	)

export const newer = (subject: string, format: number): RemoteTermError =>
	new RemoteTermError(
		'DATABASE_FAILED',
		`${subject} has format ${format}; this version of remote-term knows ${FORMAT} and older ones`,
	)
