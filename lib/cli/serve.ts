import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseJson } from '../codecs/json.ts'
import type { ConfigDb } from '../config/config-db.ts'
import type { FunConfig } from '../config/fun-config.ts'
import type { ServiceConfig } from '../config/push-config.ts'
import { messageOf, RemoteTermError } from '../core/errors.ts'
import type { LogFields, Logger } from '../core/logger.ts'
import type { StreamingOptions, TokenSource, TokenSpec } from '../gateway/index.ts'
import { createGateway, readTokenFile } from '../gateway/index.ts'
import type { Settings } from '../gateway/settings/schema.ts'
import { readCertificateFiles } from '../gateway/settings/certificate-files.ts'
import { readSettings, shownSettings, type SettingsFlag } from '../gateway/settings/settings.ts'
import { interruptionOf, write, type Io } from './io.ts'

export interface ServeArguments {
	/** A JSON file. */
	readonly config?: string | undefined
	/** What the command line says beyond that. */
	readonly flags: readonly SettingsFlag[]
	readonly printConfig?: boolean | undefined
	readonly verbose?: boolean | undefined
}

/**
 * `remote-term serve`: the gateway, until it is told to end, and then until what it is about to acknowledge is done.
 *
 * @throws `INVALID_OPTION`, `DATABASE_FAILED`, `TRANSPORT_FAILED`
 */
export const serve = async (
	{ config, flags, printConfig, verbose }: ServeArguments,
	io: Io,
): Promise<void> => {
	const settings = readSettings({
		file: config === undefined ? {} : await readConfigFile(config),
		fileName: config,
		env: io.env,
		flags,
	})
	if (printConfig) return write(io.stdout, `${JSON.stringify(shownSettings(settings), undefined, '  ')}\n`)
	const logger = lineLogger(io, verbose === true)
	// Whoever read the first lines and left has no wish to end a server.
	const say = (line: string): Promise<void> => write(io.stdout, line).catch(() => {})
	const gateway = createGateway({
		...optionsOf(settings),
		db: await openDb(settings, logger),
		...{ clock: io.clock, logger },
	})
	const reload = (): void => {
		void gateway.reloadTokens()
		void gateway.reloadCertificate()
	}
	process.on('SIGHUP', reload)
	try {
		const { host, port, tls } = settings
		const { url } = await gateway.listen({ host, port, tls: tls && (() => readCertificateFiles(tls)) })
		await say(`listening  ${url}${settings.basePath}\n`)
		await say(`database   ${labelOf(settings)}\n`)
		await untilTold(io.signal)
		await say(`ending     ${interruptionOf(io.signal) ?? ''}\n`)
	} finally {
		process.off('SIGHUP', reload)
		await gateway.close()
	}
	await say('ended      everything that was acknowledged is stored\n')
}

const untilTold = (signal: AbortSignal): Promise<void> =>
	new Promise(resolve => {
		if (signal.aborted) resolve()
		else signal.addEventListener('abort', () => resolve(), { once: true })
	})

const readConfigFile = async (path: string): Promise<unknown> => {
	try {
		return parseJson(await readFile(path, 'utf8'))
	} catch (cause) {
		// What a JSON parser says may quote what it has read.
		const why = cause instanceof SyntaxError ? 'it is not valid JSON' : messageOf(cause)
		throw new RemoteTermError('INVALID_OPTION', `Cannot read the configuration ${path}: ${why}`)
	}
}

type Db = ConfigDb<FunConfig, ServiceConfig>

/** Only the one that is wanted is loaded. */
const openDb = async ({ data, nats }: Settings, logger: Logger): Promise<Db> => {
	if (data !== undefined) {
		const { LmdbConfigDb } = await import('../config/lmdb.ts')
		return new LmdbConfigDb({ path: databaseOf(data), logger })
	}
	if (nats !== undefined) {
		const { NatsConfigDb } = await import('../config/nats.ts')
		return new NatsConfigDb<FunConfig, ServiceConfig>({
			...(typeof nats === 'string' ? { servers: nats } : nats),
			logger,
		})
	}
	const { MemoryConfigDb } = await import('../config/memory.ts')
	return new MemoryConfigDb({ logger })
}

const databaseOf = (data: string): string => join(data, 'config.lmdb')

/** Servers of NATS have no password in them: the database has refused those that do. */
const labelOf = ({ data, nats }: Settings): string => {
	if (data !== undefined) return databaseOf(data)
	if (nats === undefined) return 'in memory: nothing of it survives the end of this process'
	return `NATS at ${[typeof nats === 'string' ? nats : nats.servers].flat().join(', ')}`
}

const optionsOf = (settings: Settings): Omit<Parameters<typeof createGateway<FunConfig>>[0], 'db'> => {
	const {
		allowAnonymous,
		basePath,
		failedAuthentications,
		limits,
		pull,
		rateLimit,
		stream,
		timeouts,
		trustedProxies,
	} = settings
	return {
		...{ allowAnonymous, basePath, failedAuthentications, limits, pull, rateLimit, timeouts, trustedProxies },
		stream: streamOf(stream),
		tokens: tokensOf(settings),
	}
}

const streamOf = (stream: Settings['stream']): StreamingOptions | false => {
	if (stream === false) return false
	const { upstream, ...rest } = stream
	if (upstream === undefined) return rest
	const { lastGood, lastGoodKey, ...where } = upstream
	return {
		...rest,
		upstream: {
			...where,
			...(lastGood !== undefined && { lastGood: { directory: lastGood, key: lastGoodKey } }),
		},
	}
}

/** Those of the configuration stay; those of the file are read anew. */
const tokensOf = ({ tokens, token, tokensFile }: Settings): TokenSource => {
	const fixed: readonly TokenSpec[] = [
		...tokens,
		...(token === undefined ? [] : [{ name: 'token', scopes: ['admin'], token } as const]),
	]
	return tokensFile === undefined ? fixed : async () => [...fixed, ...(await readTokenFile(tokensFile))]
}

/** One JSON object a line, on stderr: for people and for what collects logs. */
const lineLogger = ({ stderr, clock }: Io, verbose: boolean): Logger => {
	const at =
		(level: keyof Logger) =>
		(message: string, fields: LogFields = {}): void => {
			if (level === 'debug' && !verbose) return
			const { error, ...rest } = fields
			const said = error === undefined ? {} : { error: messageOf(error) }
			const time = new Date(clock.now()).toISOString()
			stderr.write(`${JSON.stringify({ time, level, message, ...rest, ...said })}\n`)
		}
	return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}
