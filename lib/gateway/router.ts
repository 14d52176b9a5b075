import { Hono } from 'hono'
import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import type { Admission } from './admission.ts'
import type { BodyReader } from './body.ts'
import type { GatewayMetrics } from './gateway-metrics.ts'
import { causeOf, problemResponse, Refusal, refusalOf } from './problem.ts'
import type { Route } from './route.ts'

export interface RouterOptions {
	readonly routes: readonly Route[]
	/** What stands before every path: empty, or `/config`. */
	readonly basePath: string
	readonly admission: Admission
	readonly bodies: BodyReader
	readonly metrics: GatewayMetrics
	readonly closing: AbortSignal
	readonly clock: Clock
	readonly logger: Logger
}

interface Visit {
	readonly address: string | undefined
	readonly abort: (() => void) | undefined
	/** The pattern of the route, once it is known. */
	route: string
}

/** Which handler a request is for, what it must bring along, and what becomes of what the handler throws. */
export class Router {
	readonly #app: Hono<{ Bindings: Visit }>
	readonly #options: RouterOptions
	#inFlight = 0

	constructor(options: RouterOptions) {
		this.#options = options
		this.#app = new Hono<{ Bindings: Visit }>({ strict: false })
		const app = options.basePath === '' ? this.#app : this.#app.basePath(options.basePath)
		for (const route of options.routes) {
			app.on(route.method, patternOf(route.path), context => {
				context.env.route = route.path
				return this.#answer(route, context.req.raw, context.req.param(), context.env)
			})
		}
		for (const [path, methods] of methodsByPath(options.routes)) {
			app.all(patternOf(path), context => {
				context.env.route = path
				const allowed = [...methods, ...(methods.includes('GET') ? ['HEAD'] : [])].join(', ')
				throw new Refusal(405, 'METHOD_NOT_ALLOWED', `${path} takes ${allowed}`, {
					headers: { allow: allowed },
				})
			})
		}
		this.#app.notFound(() => {
			throw new Refusal(404, 'NOT_FOUND', 'There is nothing at this path; /openapi.json lists what there is')
		})
		this.#app.onError(error => this.#refuse(error))
	}

	/** Requests that have not been answered yet. */
	get inFlight(): number {
		return this.#inFlight
	}

	/** Never rejects. */
	async fetch(request: Request, address: string | undefined, abort?: () => void): Promise<Response> {
		const { clock, metrics } = this.#options
		const visit: Visit = { address, abort, route: '(none)' }
		const began = clock.monotonic()
		this.#inFlight++
		try {
			const response = await this.#app.fetch(request, visit)
			response.headers.set('x-content-type-options', 'nosniff')
			metrics.answered(visit.route, methodOf(request), response.status, clock.monotonic() - began)
			return response
		} finally {
			this.#inFlight--
		}
	}

	async #answer(
		route: Route,
		request: Request,
		params: Readonly<Record<string, string>>,
		{ address, abort }: Visit,
	): Promise<Response> {
		const { admission, bodies, closing } = this.#options
		const { identity, headers } = admission.admit(route, request, params['service'], address)
		try {
			const query = new URL(request.url).searchParams
			refuseUnknown(query, route)
			const header = request.headers.get('authorization')
			const response = await route.handle({
				isAllowed: () => identity === undefined || admission.stillAdmits(route, header, identity),
				...{ request, params, query, identity, address, abort, closing },
				body: () => bodies.read(request),
			})
			for (const [name, value] of Object.entries(headers)) response.headers.set(name, value)
			return response
		} catch (thrown) {
			const response = this.#refuse(thrown)
			for (const [name, value] of Object.entries(headers)) response.headers.set(name, value)
			return response
		}
	}

	#refuse(thrown: unknown): Response {
		const { logger, metrics } = this.#options
		const refusal = refusalOf(thrown)
		metrics.refused(refusal.code)
		if (refusal.status === 500) logger.error(`A request failed: ${causeOf(refusal)}`, { error: thrown })
		else if (refusal.code === 'DATABASE_FAILED') logger.error(causeOf(refusal), { error: thrown })
		return problemResponse(refusal)
	}
}

/** A misspelt parameter is an error, not a default: `?forced=true` must not be taken for a push without force. */
const refuseUnknown = (query: URLSearchParams, { operation }: Route): void => {
	const known = Object.entries(operation.parameters ?? {})
		.filter(([, parameter]) => parameter.in === 'query')
		.map(([name]) => name)
	for (const name of query.keys()) {
		if (!known.includes(name))
			throw new Refusal(
				400,
				'BAD_REQUEST',
				known.length === 0
					? 'This takes no query parameters'
					: `This takes the query parameters ${known.join(', ')}, and no others`,
			)
		if (query.getAll(name).length > 1)
			throw new Refusal(400, 'BAD_REQUEST', `Expected the query parameter ${name} once`)
	}
}

const patternOf = (path: string): string => path.replaceAll(/\{(\w+)\}/g, ':$1')

const methodsByPath = (routes: readonly Route[]): Map<string, string[]> => {
	const methods = new Map<string, string[]>()
	for (const { method, path } of routes) methods.set(path, [...(methods.get(path) ?? []), method])
	return methods
}

const METHODS: readonly string[] = ['GET', 'HEAD', 'PUT', 'POST', 'DELETE', 'PATCH', 'OPTIONS']

/** Methods can be invented; labels of metrics must not be. */
const methodOf = ({ method }: Request): string => (METHODS.includes(method) ? method : '(other)')
