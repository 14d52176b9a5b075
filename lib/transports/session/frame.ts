import { PEER_NAME, type Peer } from '../../core/transport.ts'

/**
 * What goes over a wire, in front of what a message is made of. Big-endian.
 *
 *     0   'R'
 *     1   kind
 *     2   length of the sender's id: name#boot
 *     3   the sender's id
 *     …   opening  4   which time the sender has opened the scope, from 1
 *     …   stint    4   to one: which acquaintance of the sender's the addressee is, counted over all; 0 to everybody
 *     …   casts    6   how many parts have gone to everybody in this opening, this one included
 *     …   directs  6   how many parts have gone to the addressee in this stint, this one included; 0 to everybody
 *     …   more     4   of a message: how many parts of it follow. Of a greeting: milliseconds until the next at most
 *
 * Two numbers, since one message to everybody cannot carry another number for each: what goes to one says behind which
 * of those to everybody it comes, and that is what the order of a pair is made of.
 */
export interface Frame {
	readonly kind: Kind
	readonly from: Peer
	readonly opening: number
	readonly stint: number
	readonly casts: number
	readonly directs: number
	readonly more: number
	readonly body: Uint8Array
}

/** `first` begins a message, `next` goes on with it. */
export type Kind = 'hello' | 'alive' | 'answer' | 'goodbye' | 'first' | 'next'

const KINDS: readonly Kind[] = ['hello', 'alive', 'answer', 'goodbye', 'first', 'next']
const MAGIC = 0x52
const NUMBERS = 24
const BOOT = /^[A-Za-z0-9_-]{1,64}$/

/** How much longer than its body a frame is. */
export const overheadOf = (self: Peer): number => 3 + self.id.length + NUMBERS

export const encodeFrame = (
	{ kind, from, opening, stint, casts, directs, more }: Omit<Frame, 'body'>,
	body?: Uint8Array,
): Uint8Array => {
	const head = overheadOf(from)
	const frame = new Uint8Array(head + (body?.length ?? 0))
	frame[0] = MAGIC
	frame[1] = KINDS.indexOf(kind)
	frame[2] = from.id.length
	for (let index = 0; index < from.id.length; index++) frame[3 + index] = from.id.charCodeAt(index)
	const numbers = new DataView(frame.buffer, 3 + from.id.length, NUMBERS)
	numbers.setUint32(0, opening)
	numbers.setUint32(4, stint)
	setUint48(numbers, 8, casts)
	setUint48(numbers, 14, directs)
	numbers.setUint32(20, more)
	if (body !== undefined) frame.set(body, head)
	return frame
}

/** `undefined` for what is no frame of ours. */
export const decodeFrame = (bytes: unknown, peerOf: (id: string) => Peer | undefined): Frame | undefined => {
	if (!(bytes instanceof Uint8Array) || bytes.length < 3 + NUMBERS || bytes[0] !== MAGIC) return undefined
	const kind = KINDS[bytes[1]!]
	const length = bytes[2]!
	if (kind === undefined || bytes.length < 3 + length + NUMBERS) return undefined
	const from = peerOf(String.fromCharCode(...bytes.subarray(3, 3 + length)))
	if (from === undefined) return undefined
	const numbers = new DataView(bytes.buffer, bytes.byteOffset + 3 + length, NUMBERS)
	return {
		kind,
		from,
		opening: numbers.getUint32(0),
		stint: numbers.getUint32(4),
		casts: getUint48(numbers, 8),
		directs: getUint48(numbers, 14),
		more: numbers.getUint32(20),
		body: bytes.subarray(3 + length + NUMBERS),
	}
}

/** The name and the boot of an id that comes from outside, or `undefined`. */
export const splitId = (id: string): readonly [name: string, boot: string] | undefined => {
	const at = id.indexOf('#')
	const name = id.slice(0, Math.max(0, at))
	const boot = id.slice(at + 1)
	return PEER_NAME.test(name) && BOOT.test(boot) ? [name, boot] : undefined
}

const setUint48 = (view: DataView, at: number, value: number): void => {
	view.setUint16(at, Math.floor(value / 2 ** 32))
	view.setUint32(at + 2, value % 2 ** 32)
}

const getUint48 = (view: DataView, at: number): number =>
	view.getUint16(at) * 2 ** 32 + view.getUint32(at + 2)
