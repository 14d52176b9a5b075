import { connect, type Socket } from 'node:net'
import { once } from 'node:events'
import type { ExecutionContext } from 'ava'
import { MemoryConfigDb } from '../../lib/config/memory.ts'
import type { FunConfig } from '../../lib/config/fun-config.ts'
import { silentLogger } from '../../lib/core/logger.ts'
import type { AuditEntry } from '../../lib/gateway/audit.ts'
import { createGateway, type Gateway } from '../../lib/gateway/gateway.ts'
import type { GatewayOptions } from '../../lib/gateway/options.ts'
import type { Problem } from '../../lib/gateway/problem.ts'
import type { TokenSpec } from '../../lib/gateway/tokens.ts'

export const TOKENS = {
	push: 'push-token-0123456789abcdef',
	read: 'read-token-0123456789abcdef',
	admin: 'admin-token-0123456789abcdef',
} as const

export const tokens: readonly TokenSpec[] = [
	{ name: 'pusher', scopes: ['push'], token: TOKENS.push },
	{ name: 'reader', scopes: ['read'], token: TOKENS.read },
	{ name: 'operator', scopes: ['admin'], token: TOKENS.admin },
]

export interface Asked {
	readonly method?: string
	/** Default: the operator's; `null`: none. */
	readonly token?: string | null
	readonly json?: unknown
	readonly body?: string | Uint8Array
	readonly headers?: Readonly<Record<string, string>>
}

export interface Answered {
	readonly status: number
	readonly headers: Headers
	readonly text: string
	/** The body as JSON, where it is. */
	readonly body: Problem & Readonly<Record<string, unknown>>
}

export interface RunningGateway {
	readonly gateway: Gateway
	readonly url: string
	readonly port: number
	readonly audit: AuditEntry[]
	readonly ask: (path: string, asked?: Asked) => Promise<Answered>
}

export const requestOf = (
	url: string,
	{ method = 'GET', token = TOKENS.admin, json, body, headers = {} }: Asked = {},
): Request =>
	new Request(url, {
		method,
		headers: {
			...(token !== null && { authorization: `Bearer ${token}` }),
			...(json !== undefined && { 'content-type': 'application/json' }),
			...headers,
		},
		...((json !== undefined || body !== undefined) && { body: body ?? JSON.stringify(json) }),
	})

export const answered = async (response: Response): Promise<Answered> => {
	const text = await response.text()
	const isJson = text !== '' && /json/.test(response.headers.get('content-type') ?? '')
	return {
		status: response.status,
		headers: response.headers,
		text,
		body: (isJson ? JSON.parse(text) : {}) as Answered['body'],
	}
}

/** A gateway on a port of its own, in memory unless it is told otherwise; gone with the test. */
export const startGateway = async (
	t: ExecutionContext,
	options: Partial<GatewayOptions<FunConfig>> = {},
): Promise<RunningGateway> => {
	const audit: AuditEntry[] = []
	const gateway = createGateway({
		db: new MemoryConfigDb({ logger: silentLogger }),
		tokens,
		rateLimit: false,
		failedAuthentications: false,
		logger: silentLogger,
		audit: entry => audit.push(entry),
		...options,
	})
	t.teardown(() => gateway.close())
	const { url, port } = await gateway.listen({ port: 0 })
	const ask = async (path: string, asked?: Asked): Promise<Answered> =>
		answered(await fetch(requestOf(`${url}${path}`, asked)))
	return { gateway, url, port, audit, ask }
}

/** An item that is right as it is. */
export const item = (requestType: string, more: object = {}): object => ({
	requestType,
	nodes: 'local',
	target: '/rpc',
	...more,
})

export const push = (configVersion: string, items: readonly object[] = [item('get_user')]): object => ({
	nodes: ['http://127.0.0.1:1'],
	configVersion,
	items: items.map(one => ({ service: 'users', ...one })),
})

export interface RawAnswer {
	readonly status: number
	readonly head: string
	readonly body: string
	readonly socket: Socket
}

/** Whatever bytes, and the answer as it comes, until the server closes the connection or the answer is complete. */
export const raw = (
	t: ExecutionContext,
	port: number,
	send: (socket: Socket) => unknown,
): Promise<RawAnswer> =>
	new Promise((resolve, reject) => {
		const socket = connect(port, '127.0.0.1')
		t.teardown(() => void socket.destroy())
		let text = ''
		const look = (): void => {
			const end = text.indexOf('\r\n\r\n')
			if (end < 0) return
			const head = text.slice(0, end)
			const length = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0)
			const body = text.slice(end + 4)
			if (Buffer.byteLength(body) >= length)
				resolve({ status: Number(head.slice(9, 12)), head, body, socket })
		}
		socket.setEncoding('utf8')
		socket.on('data', (chunk: string) => {
			text += chunk
			look()
		})
		// A server that has seen enough resets the connection, maybe while we are still writing.
		socket.on('error', error => (text === '' ? reject(error) : undefined))
		socket.on('close', () => reject(new Error(`The connection was closed after ${JSON.stringify(text)}`)))
		void once(socket, 'connect').then(() => send(socket), reject)
	})
