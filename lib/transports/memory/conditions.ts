import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../../core/logger.ts'
import type { Random } from '../../core/random.ts'
import {
	fraction,
	invalid,
	notNegative,
	onlyKnownOptions,
	positive,
	positiveInteger,
} from '../../core/options.ts'

/** How the wire behaves. May change at any time; what is under way is not affected. */
export interface WireOptions {
	/** Milliseconds from one peer to another, for all or for each pair by their names. Default: 1. */
	readonly latency?: number | ((from: string, to: string) => number) | undefined
	/** Up to so many milliseconds more, at random, each message by itself. Default: 0. */
	readonly jitter?: number | undefined
	/** How much is lost: 0.01 is one message in a hundred. Default: 0. */
	readonly loss?: number | undefined
	/** How much arrives twice. The transport notices; that nobody else does is for tests to see. Default: 0. */
	readonly duplication?: number | undefined
}

export interface MemoryNetworkOptions extends WireOptions {
	/** Default: 1. The same seed and the same calls make the same history, under a `FakeClock`. */
	readonly seed?: number | undefined
	/** Milliseconds after which a peer that is not heard of any more is down, as `silent`. Default: 5,000. */
	readonly detection?: number | undefined
	/** How many messages may be under way from one peer to another. Default: 10,000. */
	readonly maxQueue?: number | undefined
	/** The size limit of a message as MessagePack, in bytes. Default: 64 MiB. */
	readonly maxMessageBytes?: number | undefined
	/**
	 * `copied`: everybody who gets a message gets a copy. `shared`: all who get a broadcast get the same copy, frozen
	 * (arrays of bytes, maps, sets and dates, which cannot be frozen, excepted); for simulations of many. Default: `copied`.
	 */
	readonly payloads?: 'copied' | 'shared' | undefined
	/** Times are rounded up to multiples of so many milliseconds: what falls together is handled together. Default: 1. */
	readonly tick?: number | undefined
	readonly clock?: Clock | undefined
	readonly logger?: Logger | undefined
}

export interface Wire {
	readonly latency: (from: string, to: string) => number
	/** The latency, where it is the same for all. */
	readonly fixed: number | undefined
	readonly jitter: number
	readonly loss: number
	readonly duplication: number
}

export interface Conditions {
	wire: Wire
	readonly random: Random
	readonly detection: number
	readonly maxQueue: number
	readonly maxMessageBytes: number
	readonly shared: boolean
	readonly logger: Logger
}

const WIRE = ['latency', 'jitter', 'loss', 'duplication'] as const
const NETWORK = [
	'seed',
	'detection',
	'maxQueue',
	'maxMessageBytes',
	'payloads',
	'tick',
	'clock',
	'logger',
] as const

const perfect: Wire = { latency: () => 1, fixed: 1, jitter: 0, loss: 0, duplication: 0 }

/** What is not said stays as it is. */
export const parseWire = (options: WireOptions, before: Wire = perfect): Wire => ({
	...(options.latency === undefined ? before : parseLatency(options.latency)),
	jitter: notNegative('jitter', options.jitter ?? before.jitter),
	loss: fraction('loss', options.loss ?? before.loss),
	duplication: fraction('duplication', options.duplication ?? before.duplication),
})

const parseLatency = (latency: NonNullable<WireOptions['latency']>): Pick<Wire, 'latency' | 'fixed'> => {
	if (typeof latency === 'function')
		return { latency: (from, to) => notNegative('latency', latency(from, to)), fixed: undefined }
	const fixed = notNegative('latency', latency)
	return { latency: () => fixed, fixed }
}

export const knownWireOptions = (options: WireOptions): void => onlyKnownOptions('conditions', options, WIRE)

export const parseConditions = (
	options: MemoryNetworkOptions,
	random: Random,
	logger: Logger,
): Conditions => {
	onlyKnownOptions('MemoryNetwork', options, [...WIRE, ...NETWORK])
	const {
		detection = 5_000,
		maxQueue = 10_000,
		maxMessageBytes = 64 * 2 ** 20,
		payloads = 'copied',
	} = options
	if (payloads !== 'copied' && payloads !== 'shared')
		throw invalid('payloads', "'copied' or 'shared'", payloads)
	return {
		wire: parseWire(options),
		random,
		detection: positive('detection', detection),
		maxQueue: positiveInteger('maxQueue', maxQueue),
		maxMessageBytes: positiveInteger('maxMessageBytes', maxMessageBytes),
		shared: payloads === 'shared',
		logger,
	}
}
