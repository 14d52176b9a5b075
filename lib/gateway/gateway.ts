import type { ConfigDb, ConfigItem } from '../config/config-db.ts'
import type { FunConfig } from '../config/fun-config.ts'
import type { ServiceConfig } from '../config/push-config.ts'
import { ConfigReceiver } from '../config/receive/receiver.ts'
import { systemClock, type Clock } from '../core/clock.ts'
import { RemoteTermError } from '../core/errors.ts'
import { consoleLogger, safeLogger, type Logger } from '../core/logger.ts'
import { forwardedAddress, isLoopbackHost } from './address.ts'
import { Admission } from './admission.ts'
import { auditTo } from './audit.ts'
import { BodyReader } from './body.ts'
import { CertificateWatch, type CertificateSource } from './certificate.ts'
import { Lifecycle, makeDesk } from './desk.ts'
import { describeApi } from './describe-api.ts'
import { GatewayMetrics } from './gateway-metrics.ts'
import { nodeListener, NodeServer, type Listening, type NodeListener } from './node-server.ts'
import { checkOptions, serverLimitsOf, type CheckedOptions, type GatewayOptions } from './options.ts'
import { packageVersion } from './package-version.ts'
import { pullPolicyOf, Pulls } from './pulls.ts'
import { RouteTable } from './route-table.ts'
import { Router } from './router.ts'
import type { JsonSchema } from './route.ts'
import { Streaming } from './stream/streaming.ts'
import { Strangers } from './strangers.ts'
import { TokenWatch } from './token-watch.ts'
import type { TokenSpec } from './tokens.ts'

export interface ListenOptions {
	/** Default: `127.0.0.1`. */
	readonly host?: string | undefined
	/** 0: one that is free. */
	readonly port: number
	/** Speak TLS, 1.2 or newer, and nothing else. Default: HTTP as it is, for this machine or behind a proxy. */
	readonly tls?: CertificateSource | undefined
}

/** What a framework may tell about a request besides the request. */
export interface FetchInfo {
	/** The client's address, for the bound on wrong tokens and for the audit log. */
	readonly address?: string | undefined
	/** Breaks the client's connection, for streams whose client does not read. */
	readonly abort?: (() => void) | undefined
}

/**
 * The server side: receives pushes, pulls what they ask it to pull, keeps both in a `ConfigDb`, and answers those who
 * want to know. `fetch` takes a `Request` from any framework; `listen` brings a server of its own.
 */
export class Gateway<Item extends ConfigItem = FunConfig> {
	readonly db: ConfigDb<Item, ServiceConfig>
	readonly receiver: ConfigReceiver<Item>
	/** `fetch` for node:http, and for what is built on it: express, fastify, connect. */
	readonly listener: NodeListener = nodeListener((request, info) => this.fetch(request, info))
	readonly #checked: CheckedOptions
	readonly #clock: Clock
	readonly #logger: Logger
	readonly #tokens: TokenWatch
	readonly #metrics = new GatewayMetrics()
	readonly #strangers: Strangers
	readonly #bodies: BodyReader
	readonly #pulls: Pulls
	readonly #streaming: Streaming<Item> | undefined
	readonly #router: Router
	readonly #document: JsonSchema
	/**
	 * What a request was copied from reaches its signal by a weak reference only: it must live for as long as its answer
	 * is sent, or the route would not hear that the client has left.
	 */
	readonly #requests = new WeakMap<ReadableStream, Request>()
	readonly #closing = new AbortController()
	readonly #life = new Lifecycle()
	#started: Promise<void> | undefined
	#server: NodeServer | undefined
	#closed: Promise<void> | undefined
	#onAnswered = (): void => {}

	/** @throws `INVALID_OPTION` */
	constructor(options: GatewayOptions<Item>) {
		this.#checked = checkOptions(options)
		const { anonymity, basePath, failedAuthentications, limits, rateLimit, timeouts, tokens } = this.#checked
		const { db, schema, policy, pull = {}, clock = systemClock, random = Math.random } = options
		this.db = db
		this.#clock = clock
		this.#logger = safeLogger(options.logger ?? consoleLogger)
		this.#tokens = new TokenWatch(tokens, timeouts.tokens, clock, this.#logger)
		this.#bodies = new BodyReader(
			{
				maxBytes: limits.maxBodyBytes,
				maxInflatedBytes: limits.maxInflatedBytes,
				maxDepth: limits.maxDepth,
				maxValues: limits.maxValues,
				maxBytesInFlight: limits.maxBytesInFlight,
				timeout: timeouts.body,
			},
			clock,
		)
		const metrics = this.#metrics
		const origins = pullPolicyOf(pull)
		const { maxItems, maxItemsInAll, maxItemBytes, maxDepth } = limits
		this.receiver = new ConfigReceiver<Item>({
			db,
			schema,
			policy,
			pullPolicy: origins.check,
			limits: { maxItems, maxItemsInAll, maxItemBytes, maxDepth },
			clock,
			logger: this.#logger,
		})
		this.#pulls = new Pulls(pull, {
			...{ db, clock, random, receiver: this.receiver, policy: origins, logger: this.#logger },
		})
		const { stream = {} } = options
		if (stream !== false)
			this.#streaming = new Streaming(stream, {
				...{ db, clock, random, logger: this.#logger, maxConnections: limits.maxConnections },
			})
		this.#tokens.onChange = () => this.#streaming?.publisher.recheck()
		const audit = options.audit ?? auditTo(this.#logger)
		this.#strangers = new Strangers(audit, clock)
		const desk = makeDesk<Item>({
			...{
				db,
				receiver: this.receiver,
				pulls: this.#pulls,
				metrics,
				streaming: this.#streaming,
				life: this.#life,
				clock,
			},
			anonymous: anonymity !== false,
			audit,
			connections: () => this.#server?.connections ?? 0,
			inFlight: () => this.#router.inFlight,
			bodies: () => this.#bodies.inFlight,
		})
		const table = new RouteTable(desk, options.routes ?? [], () => this.#document)
		this.#document = describeApi(table.routes, { basePath, version: packageVersion(), options })
		this.#router = new Router({
			routes: table.routes,
			basePath,
			admission: new Admission({
				...{ anonymity, rateLimit, failedAuthentications, metrics, clock },
				tokens: this.#tokens.ring,
				strangers: this.#strangers,
				audit,
			}),
			...{ bodies: this.#bodies, metrics, clock, logger: this.#logger },
			closing: this.#closing.signal,
		})
	}

	/** Aborted as soon as `close` is called: whoever streams an answer ends it then. */
	get closing(): AbortSignal {
		return this.#closing.signal
	}

	/** The OpenAPI 3.1 document, as `/openapi.json` has it. */
	get openApi(): JsonSchema {
		return this.#document
	}

	/**
	 * Opens the database, reads the tokens, begins to pull. `listen` does it too; whoever mounts `fetch` somewhere else
	 * calls it first. Until then everything but `/healthz`, `/readyz` and the page is answered with 503.
	 *
	 * @throws `DATABASE_FAILED`, `INVALID_OPTION`, `STOPPED`, `TIMEOUT` where tokens are asked for and none come for 30 s
	 */
	async start(): Promise<void> {
		if (this.#closing.signal.aborted) throw new RemoteTermError('STOPPED', 'The gateway has been closed')
		this.#started ??= this.#start()
		return this.#started
	}

	/**
	 * Answers one request. Never rejects.
	 *
	 * @param info what the framework knows of the client
	 */
	async fetch(request: Request, info: FetchInfo = {}): Promise<Response> {
		const address = forwardedAddress(
			request.headers.get('x-forwarded-for'),
			info.address,
			this.#checked.trustedProxies,
		)
		const response = await this.#router.fetch(request, address, info.abort)
		if (response.body !== null) this.#requests.set(response.body, request)
		this.#onAnswered()
		return response
	}

	/**
	 * Starts, and serves on a port of its own.
	 *
	 * @throws `TRANSPORT_FAILED` where nobody can listen there; `INVALID_OPTION` for an address that strangers can reach
	 *   while `allowAnonymous` is `'loopback'`, and for a certificate that cannot be used; and what `start` throws.
	 */
	async listen({ host = '127.0.0.1', port, tls }: ListenOptions): Promise<Listening> {
		const { anonymity, timeouts } = this.#checked
		if (anonymity === 'loopback' && !isLoopbackHost(host))
			throw new RemoteTermError(
				'INVALID_OPTION',
				`\`allowAnonymous: 'loopback'\` needs a loopback address to listen on, got ${host}`,
			)
		if (this.#server !== undefined) throw new RemoteTermError('INVALID_OPTION', 'The gateway listens already')
		const certificate = tls && new CertificateWatch(tls, timeouts.tokens, this.#clock, this.#logger)
		const server = new NodeServer(this.listener, serverLimitsOf(this.#checked), this.#clock, certificate)
		this.#server = server
		try {
			await this.start()
			return await server.listen(host, port)
		} catch (error) {
			this.#server = undefined
			await server.close(0)
			throw error
		}
	}

	/** New tokens, from the next request on. @throws `INVALID_OPTION`, and the tokens stay as they were. */
	setTokens(tokens: readonly TokenSpec[]): void {
		if (tokens.length === 0 && this.#checked.anonymity === false)
			throw new RemoteTermError('INVALID_OPTION', 'A gateway without tokens lets nobody in')
		this.#tokens.replace(tokens)
	}

	/** Asks a `tokens` function now, as on SIGHUP. Never rejects: tokens that cannot be had stay as they were. */
	reloadTokens(): Promise<void> {
		return this.#tokens.reload()
	}

	/** Asks a `tls` function now, as on SIGHUP. Never rejects: a certificate that cannot be had stays as it was. */
	async reloadCertificate(): Promise<void> {
		await this.#server?.reloadCertificate()
	}

	/**
	 * Not ready any more; streams end; nothing new is accepted; what is under way is answered, for `timeouts.drain` at
	 * most; then the puller, the receiver and the database are closed.
	 */
	close(): Promise<void> {
		this.#closed ??= this.#close()
		return this.#closed
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.close()
	}

	async #start(): Promise<void> {
		this.#life.state = 'starting'
		await this.#tokens.start()
		await this.db.open()
		if (this.#closing.signal.aborted) throw new RemoteTermError('STOPPED', 'The gateway has been closed')
		this.#life.state = 'open'
		this.#life.startedAt = this.#clock.now()
		this.#streaming?.start()
		this.#pulls.start()
	}

	async #close(): Promise<void> {
		const wasStarted = this.#started
		this.#life.state = 'closing'
		this.#closing.abort(new RemoteTermError('STOPPED', 'The gateway has been closed'))
		this.#tokens.stop()
		await this.#streaming?.close()
		const { drain } = this.#checked.timeouts
		await Promise.all([this.#server?.close(drain), this.#drain(drain)])
		this.#strangers.close()
		await this.#pulls.stop()
		await this.receiver.close()
		// One that is still opening is waited for, so that nothing is left open.
		await wasStarted?.catch(() => {})
		await this.db.close()
		this.#metrics.close()
	}

	/** Until every request has its answer, whoever brought it. */
	#drain(limit: number): Promise<void> {
		return new Promise(resolve => {
			const deadline = this.#clock.timer(limit, () => resolve())
			this.#onAnswered = () => {
				if (this.#router.inFlight > 0) return
				deadline[Symbol.dispose]()
				resolve()
			}
			this.#onAnswered()
		})
	}
}

/** @throws `INVALID_OPTION` */
export const createGateway = <Item extends ConfigItem = FunConfig>(
	options: GatewayOptions<Item>,
): Gateway<Item> => new Gateway(options)
