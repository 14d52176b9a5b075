import type { IncomingMessage, ServerResponse } from 'node:http'
import { gunzipSync } from 'node:zlib'
import type { ExecutionContext } from 'ava'
import { msgpack } from '../../lib/codecs/msgpack.ts'
import { ConfigReceiver, type FunConfig, type MemoryConfigDb } from '../../lib/config/index.ts'
import { RemoteTermError, type ErrorCode } from '../../lib/core/errors.ts'
import { silentLogger } from '../../lib/core/logger.ts'
import { openMemory } from './configs.ts'
import { serve } from './serve.ts'

const STATUS: Partial<Record<ErrorCode, number>> = {
	CONFLICT: 409,
	DOWNGRADE_REFUSED: 409,
	ORIGIN_REFUSED: 403,
	VALIDATION_FAILED: 422,
	DATABASE_FAILED: 503,
}

export interface SeenRequest {
	readonly method: string
	readonly url: string
	readonly headers: IncomingMessage['headers']
	readonly body: Buffer
}

export interface SmallGateway {
	readonly url: URL
	readonly seen: SeenRequest[]
	readonly receiver: ConfigReceiver<FunConfig>
	readonly db: MemoryConfigDb
	/** Tokens that are good, if any is asked for. */
	readonly tokens: Set<string>
	/** The next request is answered like this; several calls, several requests. */
	answer(handler: (request: SeenRequest, response: ServerResponse) => void): void
	/** Forgets everything, as one without a disk does when it restarts. */
	forget(): Promise<void>
	/** Resolves when there have been so many requests of this method. */
	reached(count: number, method?: string): Promise<void>
}

/** The push and verify routes of a gateway, with a real receiver behind them. */
export const smallGateway = async (t: Pick<ExecutionContext, 'teardown'>): Promise<SmallGateway> => {
	const seen: SeenRequest[] = []
	const script: Array<(request: SeenRequest, response: ServerResponse) => void> = []
	const tokens = new Set<string>()
	const waiting = new Set<() => void>()
	const db = await openMemory()
	const receiver = new ConfigReceiver<FunConfig>({ db, logger: silentLogger })
	t.teardown(async () => {
		await receiver.close()
		await db.close()
	})

	const handle = async (seenRequest: SeenRequest, response: ServerResponse): Promise<void> => {
		const { method, headers, body } = seenRequest
		const url = new URL(seenRequest.url, 'http://gateway')
		const [, service = '', verb] = /^\/v1\/services\/([^/]+)(?:\/(\w+))?$/.exec(url.pathname) ?? []
		if (tokens.size > 0 && !tokens.has((headers.authorization ?? '').replace('Bearer ', '')))
			reply(response, 401, { title: 'Unauthorized', code: 'UNAUTHORIZED' })
		else if (method === 'GET' && verb === 'verify') {
			const verification = receiver.verify(decodeURIComponent(service), url.searchParams.get('version') ?? '')
			reply(response, verification.status === 'not_found' ? 404 : 200, verification)
		} else if (method === 'PUT' && service !== '') {
			const bytes = headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body
			const isMsgpack = headers['content-type'] === 'application/vnd.msgpack'
			const config: unknown = isMsgpack ? msgpack(bytes) : JSON.parse(bytes.toString())
			try {
				reply(response, 200, await receiver.push(config, { force: url.searchParams.get('force') === 'true' }))
			} catch (error) {
				if (!(error instanceof RemoteTermError)) throw error
				const { code, message, issues } = error
				reply(response, STATUS[code] ?? 500, { title: code, detail: message, code, issues }, true)
			}
		} else reply(response, 404, { title: 'Not Found' }, true)
	}

	const { url } = await serve(t, (request, response) => {
		const chunks: Buffer[] = []
		request.on('data', (chunk: Buffer) => chunks.push(chunk))
		request.on('end', () => {
			const { method = '', url = '', headers } = request
			const one = { method, url, headers, body: Buffer.concat(chunks) }
			seen.push(one)
			for (const resolve of waiting) resolve()
			waiting.clear()
			const scripted = script.shift()
			if (scripted !== undefined) scripted(one, response)
			else void handle(one, response)
		})
	})
	return {
		url,
		seen,
		receiver,
		db,
		tokens,
		answer: handler => void script.push(handler),
		async forget() {
			for (const { service } of db.services()) await db.delete(service)
		},
		async reached(count, method) {
			const counted = (): number => seen.filter(one => method === undefined || one.method === method).length
			while (counted() < count) await new Promise<void>(resolve => waiting.add(resolve))
		},
	}
}

export const reply = (response: ServerResponse, status: number, value: unknown, isProblem = false): void => {
	const type = isProblem ? 'application/problem+json' : 'application/json'
	response.writeHead(status, { 'content-type': type }).end(JSON.stringify(value))
}
