import express from 'express'
import type { Gateway } from '../../lib/gateway/index.ts'

/** An express application with the gateway under `/config`. No `express.json()` in front of it: it reads bodies itself. */
export const withExpress = (gateway: Gateway): ReturnType<typeof express> => {
	const app = express()
	app.use('/config', gateway.listener)
	app.get('/hello', (_, response) => void response.json({ hello: 'express' }))
	return app
}
