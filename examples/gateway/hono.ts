import type { HttpBindings } from '@hono/node-server'
import { Hono } from 'hono'
import { mount } from 'hono/mount'
import type { Gateway } from '../../lib/gateway/index.ts'

/** A hono application with the gateway under `/config`. Any framework that speaks `Request` and `Response` is alike. */
export const withHono = (gateway: Gateway): Hono => {
	const app = new Hono()
	app.all(
		'/config/*',
		mount((request, env: Partial<HttpBindings>) =>
			gateway.fetch(request, { address: env.incoming?.socket.remoteAddress }),
		),
	)
	app.get('/hello', context => context.json({ hello: 'hono' }))
	return app
}
