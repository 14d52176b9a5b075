import fastify, { type FastifyInstance } from 'fastify'
import type { Gateway } from '../../lib/gateway/index.ts'

/** A fastify application with the gateway under `/config`, which is what its `basePath` must be. */
export const withFastify = (gateway: Gateway): FastifyInstance => {
	const app = fastify()
	void app.register(
		(scope, _options, done) => {
			// The gateway reads bodies itself, and with its own limits.
			scope.removeAllContentTypeParsers()
			scope.addContentTypeParser('*', (_request, _body, parsed) => parsed(null))
			scope.all('/*', (request, reply) => {
				reply.hijack()
				gateway.listener(request.raw, reply.raw)
			})
			done()
		},
		{ prefix: '/config' },
	)
	app.get('/hello', async () => ({ hello: 'fastify' }))
	return app
}
