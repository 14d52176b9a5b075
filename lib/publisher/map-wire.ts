import { MAX_COUNT, type Stamp } from './hybrid-clock.ts'
import { BUCKETS } from './map-digest.ts'

/** One key as it travels. Without bytes: deleted. */
export interface MapChange {
	readonly key: string
	readonly stamp: Stamp
	readonly bytes: Uint8Array | undefined
}

/**
 * What copies of a map tell each other: what has changed; what they know, as a digest; which buckets of it they want
 * from somebody whose digest differs; and that a stamp was refused since it was so many milliseconds ahead.
 */
export type MapMessage =
	| { readonly kind: 'changes'; readonly changes: readonly MapChange[] }
	| { readonly kind: 'digest'; readonly digest: readonly number[] }
	| { readonly kind: 'want'; readonly buckets: readonly number[] }
	| { readonly kind: 'ahead'; readonly excess: number }

const PROTOCOL = 'remote-term/shared-map/1'

export const encodeMapMessage = (message: MapMessage): readonly unknown[] => {
	switch (message.kind) {
		case 'changes':
			return [
				PROTOCOL,
				message.kind,
				message.changes.map(({ key, stamp: { time, count, by }, bytes }) => [
					key,
					time,
					count,
					by,
					bytes ?? null,
				]),
			]
		case 'digest':
			return [PROTOCOL, message.kind, message.digest]
		case 'want':
			return [PROTOCOL, message.kind, message.buckets]
		case 'ahead':
			return [PROTOCOL, message.kind, message.excess]
	}
}

/** `undefined` for what is none. */
export const decodeMapMessage = (message: unknown): MapMessage | undefined => {
	if (!Array.isArray(message) || message[0] !== PROTOCOL) return undefined
	const [, kind, content] = message as unknown[]
	switch (kind) {
		case 'changes': {
			if (!Array.isArray(content)) return undefined
			const changes = content.map(changeOf)
			return changes.every(one => one !== undefined) ? { kind, changes } : undefined
		}
		case 'digest':
			return isNumbers(content) && content.length === BUCKETS ? { kind, digest: content } : undefined
		case 'want':
			return isNumbers(content) && content.length <= BUCKETS && content.every(one => one < BUCKETS)
				? { kind, buckets: content }
				: undefined
		case 'ahead':
			return typeof content === 'number' ? { kind, excess: content } : undefined
		default:
			return undefined
	}
}

const changeOf = (change: unknown): MapChange | undefined => {
	if (!Array.isArray(change)) return undefined
	const [key, time, count, by, bytes] = change as unknown[]
	return isKey(key) &&
		isNumber(time) &&
		isNumber(count) &&
		count <= MAX_COUNT &&
		typeof by === 'string' &&
		by.length <= 300 &&
		(bytes === null || bytes instanceof Uint8Array)
		? { key, stamp: { time, count, by }, bytes: bytes ?? undefined }
		: undefined
}

export const isKey = (key: unknown): key is string =>
	typeof key === 'string' && key.length > 0 && key.length <= 256

const isNumber = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
const isNumbers = (value: unknown): value is number[] => Array.isArray(value) && value.every(isNumber)
