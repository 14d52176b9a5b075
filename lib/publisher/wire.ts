import type { ModuleVersion } from './module.ts'

/*
 * The protocol.
 *
 * A node's updates are numbered 1, 2, 3 … and an instance of a publisher is an *epoch*: a random string, new with each
 * start. Epoch and number together say exactly which state of whose data is meant. Every message carries the sender's
 * version, epoch and newest number, so that each contact, of whatever kind, refreshes what the receiver knows of the
 * sender and shows it whether it has missed something.
 *
 * ask       I want your data: `has` is what I have of it, `number` numbers my questions, so that the same one asked
 *           twice is answered once. Sent to a peer that has come up, to one that asks without our knowing it, and
 *           wherever something is missing. It takes the part of the reference's `discover`.
 * data      All of the sender's data as of `at`, in `parts` parts. The answer to an ask.
 * more      Parts before `next` have arrived; where `again`, later ones were lost and should be sent again.
 * updates   Updates `first`, `first` + 1, … The answer to an ask where they are still in the log, and what follows each
 *           local update. `acknowledge` asks for an `ack`.
 * beat      Nothing new: here is my newest number. Repairs a lost last message.
 * ack       I have everything of yours up to `at`.
 *
 * Whatever is not of this form is a foreign message, for `translateMessage`.
 */

/** First in every message. Its number goes up when the forms below change. */
const PROTOCOL = 'remote-term/publisher/1'

/** Of full data. Whoever receives them keeps them until the last is there, and each costs more than its bytes. */
export const MAX_PARTS = 2 ** 17
const MAX_VERSION = 256

export interface Sender {
	readonly version: ModuleVersion
	readonly epoch: string
	/** The number of the sender's newest update; 0 where there was none. */
	readonly newest: number
}

/** A state of one peer's data. */
export interface Position {
	readonly epoch: string
	readonly number: number
}

export type Body =
	| { readonly kind: 'ask'; readonly number: number; readonly has: Position | undefined }
	| {
			readonly kind: 'data'
			readonly ask: number
			readonly at: number
			readonly part: number
			readonly parts: number
			readonly bytes: Uint8Array
			readonly acknowledge: boolean
	  }
	| {
			readonly kind: 'more'
			readonly of: string
			readonly ask: number
			readonly next: number
			readonly again: boolean
	  }
	| {
			readonly kind: 'updates'
			readonly first: number
			readonly updates: readonly Uint8Array[]
			/** The number of the ask that this answers; 0 for none. */
			readonly ask: number
			readonly acknowledge: boolean
	  }
	| { readonly kind: 'beat'; readonly acknowledge: boolean }
	| { readonly kind: 'ack'; readonly of: string; readonly at: number }

export type WireMessage = readonly unknown[]

export const encode = ({ version, epoch, newest }: Sender, body: Body): WireMessage => [
	PROTOCOL,
	version,
	epoch,
	newest,
	body.kind,
	...fields(body),
]

const fields = (body: Body): unknown[] => {
	switch (body.kind) {
		case 'ask':
			return [body.number, body.has?.epoch ?? null, body.has?.number ?? 0]
		case 'data':
			return [body.ask, body.at, body.part, body.parts, body.bytes, body.acknowledge]
		case 'more':
			return [body.of, body.ask, body.next, body.again]
		case 'updates':
			return [body.first, body.updates, body.ask, body.acknowledge]
		case 'beat':
			return [body.acknowledge]
		case 'ack':
			return [body.of, body.at]
	}
}

/**
 * A message of ours, `'malformed'` for one that begins like ours and is none, `undefined` for a foreign one. What a
 * newer version of the protocol appends to a form is overlooked.
 */
export const decode = (message: unknown): { sender: Sender; body: Body } | 'malformed' | undefined => {
	if (!Array.isArray(message) || message[0] !== PROTOCOL) return undefined
	const [, version, epoch, newest, kind, ...rest] = message as unknown[]
	if (!isVersion(version) || !isEpoch(epoch) || !isNumber(newest)) return 'malformed'
	const body = bodyOf(kind, rest)
	return body === undefined ? 'malformed' : { sender: { version, epoch, newest }, body }
}

const bodyOf = (kind: unknown, rest: readonly unknown[]): Body | undefined => {
	const [a, b, c, d, e, f] = rest
	switch (kind) {
		case 'ask':
			if (!isNumber(a) || !isNumber(c)) return undefined
			if (b === null) return { kind, number: a, has: undefined }
			return isEpoch(b) ? { kind, number: a, has: { epoch: b, number: c } } : undefined
		case 'data':
			return isNumber(a) &&
				isNumber(b) &&
				isNumber(c) &&
				isNumber(d) &&
				c < d &&
				d <= MAX_PARTS &&
				isBytes(e) &&
				(e.length > 0 || d === 1) &&
				isFlag(f)
				? { kind, ask: a, at: b, part: c, parts: d, bytes: e, acknowledge: f }
				: undefined
		case 'more':
			return isEpoch(a) && isNumber(b) && isNumber(c) && isFlag(d)
				? { kind, of: a, ask: b, next: c, again: d }
				: undefined
		case 'updates':
			return isNumber(a) &&
				a > 0 &&
				Array.isArray(b) &&
				b.length > 0 &&
				b.every(isBytes) &&
				isNumber(c) &&
				isFlag(d)
				? { kind, first: a, updates: b, ask: c, acknowledge: d }
				: undefined
		case 'beat':
			return isFlag(a) ? { kind, acknowledge: a } : undefined
		case 'ack':
			return isEpoch(a) && isNumber(b) ? { kind, of: a, at: b } : undefined
		default:
			return undefined
	}
}

const isVersion = (value: unknown): value is ModuleVersion =>
	typeof value === 'number' || (typeof value === 'string' && value.length <= MAX_VERSION)
const isEpoch = (value: unknown): value is string =>
	typeof value === 'string' && value.length > 0 && value.length <= 64
const isNumber = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
const isBytes = (value: unknown): value is Uint8Array => value instanceof Uint8Array
const isFlag = (value: unknown): value is boolean => typeof value === 'boolean'
