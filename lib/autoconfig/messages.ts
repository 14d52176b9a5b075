import { fieldsOf, integerField, malformed, stringField } from './fields.ts'
import { readJson, readPut, type Pause } from './put-reader.ts'

/** An event of the protocol as it goes over the wire (SPEC §1.4). */
export interface WireMessage {
	readonly event: 'put' | 'patch' | 'delete' | 'reconnect'
	/** JSON, on one line. */
	readonly data: string
}

/** Items of one collection, by id. */
export type Representations = Readonly<Record<string, unknown>>

export interface PutMessage {
	readonly type: 'put'
	/** By collection, then by id. A collection that the message does not mention is not here either. */
	readonly collections: ReadonlyMap<string, ReadonlyMap<string, unknown>>
}

export interface PatchMessage {
	readonly type: 'patch'
	readonly collection: string
	readonly id: string
	readonly raw: unknown
}

export interface DeleteMessage {
	readonly type: 'delete'
	readonly collection: string
	readonly id: string
	readonly version: number
}

/** Well-formed, and not for us. It is not the end of the stream. */
export interface IgnoredMessage {
	readonly type: 'ignored'
	readonly reason: string
	/** A collection that we do not know may be tomorrow's feature, and no news. */
	readonly level: 'debug' | 'info'
}

/** The whole configuration. `collections` by name, each by id. */
export const putMessage = (collections: Readonly<Record<string, Representations>>): WireMessage => ({
	event: 'put',
	data: JSON.stringify({ path: '/', data: collections }),
})

/** One item that is new or has changed. What it says of its own id and version is in `raw`. */
export const patchMessage = (collection: string, id: string, raw: unknown): WireMessage => ({
	event: 'patch',
	data: JSON.stringify({ path: pathOf(collection, id), data: raw }),
})

export const deleteMessage = (collection: string, id: string, version: number): WireMessage => ({
	event: 'delete',
	data: JSON.stringify({ path: pathOf(collection, id), version }),
})

/** Asks the client to connect anew. */
export const reconnectMessage = (): WireMessage => ({ event: 'reconnect', data: ' ' })

/** Ids have no `/`: a path is split at its last one. */
export const pathOf = (collection: string, id: string): string => `/${collection}/${id}`

/**
 * @param required The collection without which a `put` is malformed. An absent one is not an empty one: what a server
 *   forgot to send must not delete everything that there is.
 * @throws `DESERIALIZE_FAILED`
 */
export const parsePut = async (
	text: string,
	names: readonly string[],
	required: string,
	pause: Pause,
): Promise<PutMessage | IgnoredMessage> => {
	const message = await readPut(text, names, pause)
	const path = message.get('path') ?? ''
	if (typeof path !== 'string') throw malformed('expected path to be a string')
	if (path !== '/') return { type: 'ignored', reason: 'a put whose path is not /', level: 'info' }
	const data = message.get('data')
	if (!(data instanceof Map)) throw malformed('expected the data of a put to be an object')
	const collections = new Map<string, ReadonlyMap<string, unknown>>()
	for (const name of names) {
		// As for every field, null is the same as none.
		const items: unknown = data.get(name) ?? undefined
		if (items === undefined) continue
		if (!(items instanceof Map)) throw malformed(`expected ${name} to be an object`)
		collections.set(name, items)
	}
	if (!collections.has(required)) throw malformed(`expected a put to have ${required}`)
	return { type: 'put', collections }
}

/** @throws `DESERIALIZE_FAILED` */
export const parsePatch = (text: string, names: readonly string[]): PatchMessage | IgnoredMessage => {
	const fields = fieldsOf(readJson(text), 'a patch')
	const place = placeOf(stringField(fields, 'path'), names)
	if ('type' in place) return place
	if (!Object.hasOwn(fields, 'data')) throw malformed('expected a patch to have data')
	return { type: 'patch', ...place, raw: fields['data'] }
}

/** @throws `DESERIALIZE_FAILED` */
export const parseDelete = (text: string, names: readonly string[]): DeleteMessage | IgnoredMessage => {
	const fields = fieldsOf(readJson(text), 'a delete')
	const version = integerField(fields, 'version')
	const place = placeOf(stringField(fields, 'path'), names)
	return 'type' in place ? place : { type: 'delete', ...place, version }
}

const placeOf = (
	path: string,
	names: readonly string[],
): { readonly collection: string; readonly id: string } | IgnoredMessage => {
	const slash = path.lastIndexOf('/')
	const id = path.slice(slash + 1)
	for (const collection of names) {
		if (id !== '' && path.slice(0, slash) === `/${collection}`) return { collection, id }
	}
	return { type: 'ignored', reason: 'a path that is none of ours', level: 'debug' }
}
