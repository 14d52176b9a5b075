import { crc32 } from 'node:zlib'
import { RemoteTermError } from '../../core/errors.ts'
import type { ConfigItem, PullTarget, ServiceRecord } from '../config-db.ts'
import type { Flag, StoredService } from '../service-state.ts'

/** A row of the database: LMDB keeps them in the order of their keys. */
export interface Row {
	readonly key: readonly string[]
	readonly value: Uint8Array
}

/** What a service's own row holds. Its items have rows of their own, so that a push writes only those that differ. */
interface ServiceRow<Pull extends PullTarget> {
	readonly record: ServiceRecord<Pull>
	readonly flags: readonly Flag[]
	/** How many rows of items belong to it. */
	readonly items: number
}

export const FORMAT_KEY = ['format'] as const
export const OWNER_KEY = ['owner'] as const
export const FLOOR_KEY = ['floor'] as const
export const serviceKey = (service: string): readonly string[] => ['service', service]
export const itemKey = (service: string, requestType: string, version: string): readonly string[] => [
	'item',
	...[service, requestType, version],
]

const CHECKSUM = 4

/** JSON, after a checksum of it and of its key: neither what has rotted nor what is in the wrong place is read back. */
export const encode = (key: readonly string[], value: unknown): Uint8Array => {
	const json = Buffer.from(JSON.stringify(value), 'utf8')
	const row = Buffer.allocUnsafe(CHECKSUM + json.length)
	row.writeUInt32LE(crc32(json, crc32(key.join('\n'))))
	row.set(json, CHECKSUM)
	return row
}

/** @throws `DATABASE_FAILED` */
export const decode = (key: readonly string[], row: Uint8Array): unknown => {
	const bytes = Buffer.from(row.buffer, row.byteOffset, row.byteLength)
	const json = bytes.subarray(CHECKSUM)
	if (bytes.length > CHECKSUM && bytes.readUInt32LE() === crc32(json, crc32(key.join('\n')))) {
		return JSON.parse(json.toString('utf8'))
	}
	throw new RemoteTermError('DATABASE_FAILED', `the row ${key.join(' ')} is corrupt`)
}

export const serviceRow = <Item extends ConfigItem, Pull extends PullTarget>({
	record,
	items,
	flags,
}: {
	readonly record: ServiceRecord<Pull>
	readonly items: readonly unknown[]
	readonly flags: StoredService<Item, Pull>['flags']
}): ServiceRow<Pull> => ({ record, flags, items: items.length })

/**
 * Services out of all rows, whatever their order.
 *
 * @throws `DATABASE_FAILED` where rows are missing, or belong to nothing
 */
export const assemble = <Item extends ConfigItem, Pull extends PullTarget>(
	rows: Iterable<Row>,
): Array<StoredService<Item, Pull>> => {
	const services = new Map<string, ServiceRow<Pull>>()
	const items = new Map<string, Item[]>()
	for (const { key, value } of rows) {
		const [kind, service] = key
		if (service === undefined) continue
		if (kind === 'service') services.set(service, decode(key, value) as ServiceRow<Pull>)
		if (kind !== 'item') continue
		const item = decode(key, value) as Item
		const siblings = items.get(service)
		if (siblings === undefined) items.set(service, [item])
		else siblings.push(item)
	}
	for (const service of items.keys()) {
		if (!services.has(service)) throw incomplete(service)
	}
	return [...services].map(([service, { record, flags, items: expected }]) => {
		const found = items.get(service) ?? []
		if (found.length !== expected) throw incomplete(service)
		return { record, flags, items: found }
	})
}

const incomplete = (service: string): RemoteTermError =>
	new RemoteTermError('DATABASE_FAILED', `the rows of service ${service} are not complete`)
