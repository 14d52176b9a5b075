import { systemClock, type Clock } from '../core/clock.ts'
import { consoleLogger, safeLogger, type Logger } from '../core/logger.ts'
import {
	invalid,
	nonEmptyString,
	notNegative,
	onlyKnownOptions,
	positive,
	positiveInteger,
} from '../core/options.ts'
import type { Random } from '../core/random.ts'
import { PEER_NAME, type Transport } from '../core/transport.ts'
import { Adaptive } from './adaptive.ts'
import type { SynchronizationStrategy } from './strategy.ts'

export interface HubOptions {
	/** How this node talks to the others. The hub opens a scope on it, and closes that; the transport stays yours. */
	readonly transport: Transport
	/** Which fleet this is: those of another scope are not seen. Default: `fleet`. */
	readonly scope?: string | undefined
	/** Default: `new Adaptive()`. Belongs to this hub alone. */
	readonly strategy?: SynchronizationStrategy | undefined
	/**
	 * Where this node keeps what the fleet was told, so that a pin outlives its restart, and that of the whole fleet. The
	 * folder is created, readable for nobody else; several hubs of different scopes may share it. Default: nowhere.
	 */
	readonly directory?: string | undefined
	/** How long changes are collected before they are told, in milliseconds. Default: 20. */
	readonly batchInterval?: number | undefined
	/** How long newcomers are collected before they are greeted, in milliseconds; four times that at most. Default: 500. */
	readonly joinDebounce?: number | undefined
	/** How long a directive may take on this node before it counts as refused, in milliseconds. Default: 120,000. */
	readonly obeyTimeout?: number | undefined
	/** By how much a last success moves on before others hear of it, in milliseconds. Default: 60,000. */
	readonly successResolution?: number | undefined
	/** Terms and services of one node. Default: 4,096. */
	readonly maxRuns?: number | undefined
	/** Nodes of which something is known. Default: 20,000. */
	readonly maxNodes?: number | undefined
	/**
	 * Directives that are remembered: at most three for each term. Beyond, those are forgotten that are no longer obeyed,
	 * and where there are none, new ones are refused. The same on all nodes. Default: 12,288.
	 */
	readonly maxDirectives?: number | undefined
	readonly clock?: Clock | undefined
	readonly random?: Random | undefined
	readonly logger?: Logger | undefined
}

export interface HubSettings {
	readonly transport: Transport
	readonly scope: string
	readonly strategy: SynchronizationStrategy
	readonly directory: string | undefined
	readonly batchInterval: number
	readonly joinDebounce: number
	readonly obeyTimeout: number
	readonly successResolution: number
	readonly maxRuns: number
	readonly maxNodes: number
	readonly maxDirectives: number
	readonly clock: Clock
	readonly random: Random
	readonly logger: Logger
}

const OPTIONS = [
	...['transport', 'scope', 'strategy', 'directory', 'batchInterval', 'joinDebounce', 'obeyTimeout'],
	...['successResolution', 'maxRuns', 'maxNodes', 'maxDirectives', 'clock', 'random', 'logger'],
]

const STRATEGY = [
	...['init', 'propagate', 'initSync', 'handleSynchronization', 'broadcastLocalData', 'handleNodeJoinData'],
] as const

/** @throws `INVALID_OPTION` */
export const parseHubOptions = (options: HubOptions): HubSettings => {
	onlyKnownOptions('Hub', options, OPTIONS)
	const {
		transport,
		scope = 'fleet',
		strategy = new Adaptive(),
		directory,
		batchInterval = 20,
		joinDebounce = 500,
		obeyTimeout = 120_000,
		successResolution = 60_000,
		maxRuns = 4_096,
		maxNodes = 20_000,
		maxDirectives = 12_288,
		clock = systemClock,
		random = Math.random,
		logger = consoleLogger,
	} = options
	if (typeof transport?.open !== 'function') throw invalid('transport', 'a transport', transport)
	if (typeof scope !== 'string' || !PEER_NAME.test(scope)) throw invalid('scope', 'a name', scope)
	checkStrategy(strategy)
	return Object.freeze({
		...{ transport, scope, strategy, clock, random },
		directory: directory === undefined ? undefined : nonEmptyString('directory', directory),
		batchInterval: notNegative('batchInterval', batchInterval),
		joinDebounce: notNegative('joinDebounce', joinDebounce),
		obeyTimeout: positive('obeyTimeout', obeyTimeout),
		successResolution: notNegative('successResolution', successResolution),
		maxRuns: positiveInteger('maxRuns', maxRuns),
		maxNodes: positiveInteger('maxNodes', maxNodes),
		maxDirectives: positiveInteger('maxDirectives', maxDirectives),
		logger: safeLogger(logger),
	})
}

export const checkStrategy = (strategy: SynchronizationStrategy): SynchronizationStrategy => {
	const missing = STRATEGY.find(operation => typeof strategy?.[operation] !== 'function')
	if (missing !== undefined) throw invalid('strategy', `a strategy, with \`${missing}\``, strategy)
	positive('strategy.syncInterval', strategy.syncInterval)
	return strategy
}
