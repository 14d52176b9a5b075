import { systemClock, type Clock } from '../../core/clock.ts'
import { consoleLogger, safeLogger, type Logger } from '../../core/logger.ts'
import { invalid, onlyKnownOptions, positive, positiveInteger } from '../../core/options.ts'
import { NATS_OPTIONS, parseNatsOptions, type NatsOptions, type NatsSettings } from '../../nats/options.ts'

const SECOND = 1000

export interface NatsConfigDbOptions extends NatsOptions {
	/** The key-value bucket, which nobody else writes to. Made where there is none. Default: `remote-term-config`. */
	readonly bucket?: string | undefined
	/**
	 * On how many servers of the cluster the bucket lies: 1, 3 or 5; with 3, what was acknowledged survives the loss of
	 * one. Counts when the bucket is made; `nats stream edit` changes it later. Default: 3 where three servers or more are
	 * named, else 1.
	 */
	readonly replicas?: number | undefined
	/**
	 * How long one write may take, in ms; then: `DATABASE_FAILED`. A cluster that has lost the leader of the bucket chooses
	 * another one within 4 to 9 s. Default: 15 s.
	 */
	readonly timeout?: number | undefined
	/** How long `open` may take, in ms. Default: 30 s. */
	readonly openTimeout?: number | undefined
	/** What the state of one service may come to, deflated, in bytes. Default: 64 MiB. */
	readonly maxServiceBytes?: number | undefined
	readonly clock?: Clock | undefined
	/** Default: warnings and errors to the console. */
	readonly logger?: Logger | undefined
	readonly random?: (() => number) | undefined
}

export interface NatsConfigDbSettings {
	readonly nats: NatsSettings
	readonly bucket: string
	readonly replicas: number
	readonly timeout: number
	readonly openTimeout: number
	readonly maxServiceBytes: number
	readonly clock: Clock
	readonly logger: Logger
	readonly random: () => number
}

/** @throws `INVALID_OPTION` */
export const parseNatsConfigDbOptions = (options: NatsConfigDbOptions): NatsConfigDbSettings => {
	if (typeof options !== 'object' || options === null) throw invalid('options', 'an object', options)
	onlyKnownOptions('NatsConfigDb', options, [
		...NATS_OPTIONS,
		...['bucket', 'replicas', 'timeout', 'openTimeout', 'maxServiceBytes', 'clock', 'logger', 'random'],
	])
	const {
		bucket = 'remote-term-config',
		timeout = 15 * SECOND,
		openTimeout = 30 * SECOND,
		maxServiceBytes = 64 * 2 ** 20,
		clock = systemClock,
		logger = consoleLogger,
		random = Math.random,
	} = options
	if (typeof bucket !== 'string' || !/^[A-Za-z0-9_-]{1,200}$/.test(bucket))
		throw invalid('bucket', '1 to 200 letters, digits, `_` or `-`', bucket)
	const nats = parseNatsOptions(options)
	const { replicas = nats.servers.length >= 3 ? 3 : 1 } = options
	if (![1, 3, 5].includes(replicas)) throw invalid('replicas', '1, 3 or 5', replicas)
	return Object.freeze({
		...{ nats, bucket, replicas, clock, random },
		timeout: positive('timeout', timeout),
		openTimeout: positive('openTimeout', openTimeout),
		maxServiceBytes: positiveInteger('maxServiceBytes', maxServiceBytes),
		logger: safeLogger(logger),
	})
}
