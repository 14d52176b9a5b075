import type { ConfigItem } from '../config/config-db.ts'
import { invalid } from '../core/options.ts'
import { RemoteTermError } from '../core/errors.ts'
import type { Desk } from './desk.ts'
import type { JsonSchema, Route } from './route.ts'
import { itemRoutes } from './routes/items.ts'
import { operationRoutes } from './routes/operations.ts'
import { serviceRoutes } from './routes/services.ts'
import { streamRoutes } from './routes/stream.ts'
import { SCOPES } from './tokens.ts'

const METHODS = ['GET', 'PUT', 'POST', 'DELETE']

/** Every route there is: those of the gateway, and those that were mounted. The router and the document read it. */
export class RouteTable<Item extends ConfigItem> {
	readonly routes: readonly Route[]

	/** @throws `INVALID_OPTION` */
	constructor(desk: Desk<Item>, mounted: readonly Route[], document: () => JsonSchema) {
		if (!Array.isArray(mounted)) throw invalid('routes', 'an array of routes', mounted)
		const own = [
			...serviceRoutes(desk),
			...itemRoutes(desk),
			...operationRoutes(desk, document),
			...streamRoutes(desk.streaming),
		]
		const routes = [...own, ...(mounted as readonly Route[])]
		const seen = new Set<string>()
		for (const route of routes) {
			checkRoute(route)
			const key = `${route.method} ${route.path.replaceAll(/\{\w+\}/g, '{}')}`
			if (seen.has(key))
				throw new RemoteTermError('INVALID_OPTION', `There are two routes for ${route.method} ${route.path}`)
			seen.add(key)
		}
		this.routes = routes.map(route => (route.scopes.length === 0 ? route : whenOpen(route, desk)))
	}
}

const checkRoute = ({ method, path, scopes, operation, handle }: Route): void => {
	if (!METHODS.includes(method)) throw invalid('routes.method', METHODS.join(', '), method)
	if (typeof path !== 'string' || !/^\/(?:(?:[\w.~-]+|\{\w+\})(?:\/(?:[\w.~-]+|\{\w+\}))*)?$/.test(path))
		throw invalid('routes.path', 'a path such as /v1/things/{thing}', path)
	if (!Array.isArray(scopes) || !scopes.every(scope => (SCOPES as readonly unknown[]).includes(scope)))
		throw invalid('routes.scopes', `an array of ${SCOPES.join(', ')}`, scopes)
	if (typeof operation?.id !== 'string' || typeof operation.answers !== 'object')
		throw invalid('routes.operation', 'an object with `id`, `summary` and `answers`', operation)
	if (typeof handle !== 'function') throw invalid('routes.handle', 'a function', handle)
}

/** What stands on the database waits for it. */
const whenOpen = <Item extends ConfigItem>(route: Route, desk: Desk<Item>): Route => ({
	...route,
	handle: call => {
		if (!desk.isOpen()) throw new RemoteTermError('NOT_STARTED', 'The gateway has not started yet')
		return route.handle(call)
	},
})
