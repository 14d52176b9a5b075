import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { getRequestListener } from '@hono/node-server'
import type { Clock } from '../core/clock.ts'
import { messageOf, RemoteTermError } from '../core/errors.ts'
import type { CertificateWatch } from './certificate.ts'
import { PROBLEM_TYPE, problemOf, Refusal } from './problem.ts'

export interface ServerLimits {
	/** Of a body: who asks whether it may send more is told that it may not. */
	readonly maxBodyBytes: number
	/** Sockets at once; those beyond are closed at once. */
	readonly maxConnections: number
	/** All headers of a request together, in bytes. */
	readonly maxHeaderSize: number
	/** How long the headers of a request may take, in milliseconds; and before them the handshake of TLS. */
	readonly headersTimeout: number
	/** The same of the whole request, its body included. */
	readonly requestTimeout: number
	/** How long a connection may wait for its next request. */
	readonly keepAliveTimeout: number
}

export interface Listening {
	readonly url: string
	readonly host: string
	readonly port: number
}

/** How often Node looks for requests that take too long. Its own default is 30 s. */
const CHECKING_INTERVAL = 500
const MAX_HEADERS = 200
/** Whom a request of HTTP/1.0 asks for that does not say, as those of load balancers: nobody, and not this machine. */
const NO_HOST = 'host.invalid'

export type NodeListener = (incoming: IncomingMessage, outgoing: ServerResponse) => void

/** What node:http, and whatever is built on it, calls for each request. */
export const nodeListener = (
	fetch: (
		request: Request,
		info: { readonly address: string | undefined; readonly abort: () => void },
	) => Promise<Response>,
): NodeListener => {
	const listener = getRequestListener(
		(request, { incoming, outgoing }) =>
			fetch(request, {
				address: (incoming as IncomingMessage).socket.remoteAddress,
				abort: () => outgoing.destroy(),
			}),
		// The globals are the application's.
		{ overrideGlobalObjects: false, errorHandler: malformed, hostname: NO_HOST },
	)
	return (incoming, outgoing) => void listener(incoming, outgoing)
}

/** The same as a server, with limits on everything that a client can make it wait for or hold. */
export class NodeServer {
	readonly #server: Server | TlsServer
	readonly #clock: Clock
	readonly #certificate: CertificateWatch | undefined
	readonly #sockets = new Set<Socket>()
	/** Those that are under way. */
	readonly #answers = new Set<ServerResponse>()
	#closing = false

	/** @param certificate for TLS, and for it alone; watched from `listen` to `close`. */
	constructor(listener: NodeListener, limits: ServerLimits, clock: Clock, certificate?: CertificateWatch) {
		this.#clock = clock
		this.#certificate = certificate
		const answer = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
			this.#answers.add(outgoing)
			outgoing.once('close', () => {
				this.#answers.delete(outgoing)
				// An answer whose headers were sent before, as those of a stream are, leaves its connection open.
				if (this.#closing) server.closeIdleConnections()
			})
			if (this.#closing) outgoing.setHeader('connection', 'close')
			listener(incoming, outgoing)
		}
		const options = {
			maxHeaderSize: limits.maxHeaderSize,
			headersTimeout: limits.headersTimeout,
			requestTimeout: Math.max(limits.requestTimeout, limits.headersTimeout),
			keepAliveTimeout: limits.keepAliveTimeout,
			connectionsCheckingInterval: CHECKING_INTERVAL,
			requireHostHeader: true,
		}
		const server =
			certificate === undefined
				? createServer(options, answer)
				: encrypted({ ...options, handshakeTimeout: limits.headersTimeout }, answer, certificate)
		// RFC 9110 §10.1.1: whoever waits for our word may be refused before the body has been sent.
		server.on('checkContinue', (incoming: IncomingMessage, outgoing: ServerResponse) => {
			if (!(Number(incoming.headers['content-length']) > limits.maxBodyBytes)) outgoing.writeContinue()
			answer(incoming, outgoing)
		})
		server.maxConnections = limits.maxConnections
		server.maxHeadersCount = MAX_HEADERS
		server.on('clientError', refuseRaw)
		server.on('connection', (socket: Socket) => {
			this.#sockets.add(socket)
			socket.once('close', () => this.#sockets.delete(socket))
		})
		this.#server = server
	}

	/** Sockets that are open. */
	get connections(): number {
		return this.#sockets.size
	}

	/** @throws `TRANSPORT_FAILED` where nobody can listen there; `INVALID_OPTION` for a certificate that is none. */
	async listen(host: string, port: number): Promise<Listening> {
		await this.#certificate?.start()
		this.#refuseIfClosing()
		try {
			this.#server.listen({ host, port })
			await once(this.#server, 'listening')
		} catch (cause) {
			throw new RemoteTermError('TRANSPORT_FAILED', `Cannot listen on ${host}:${port}: ${messageOf(cause)}`, {
				cause,
			})
		}
		this.#refuseIfClosing()
		const address = this.#server.address() as AddressInfo
		const shown = address.family === 'IPv6' ? `[${address.address}]` : address.address
		const scheme = this.#certificate === undefined ? 'http' : 'https'
		return { url: `${scheme}://${shown}:${address.port}`, host: address.address, port: address.port }
	}

	/** Never rejects. */
	async reloadCertificate(): Promise<void> {
		await this.#certificate?.reload()
	}

	/** Accepts nothing more, waits for the answers that are under way, and ends what is left after `limit` ms. */
	async close(limit: number): Promise<void> {
		this.#closing = true
		this.#certificate?.stop()
		// A client that would stay is told to come back elsewhere.
		for (const outgoing of this.#answers) if (!outgoing.headersSent) outgoing.setHeader('connection', 'close')
		if (!this.#server.listening) return
		const closed = new Promise<void>(resolve => {
			this.#server.close(() => resolve())
		})
		this.#server.closeIdleConnections()
		// Those that have not yet come to speak HTTP are unknown to the server.
		const deadline = this.#clock.timer(limit, () => this.#sockets.forEach(socket => socket.destroy()))
		try {
			await closed
		} finally {
			deadline[Symbol.dispose]()
		}
	}

	/** Whoever closes while a name or a certificate is waited for must not be left with a server that listens. */
	#refuseIfClosing(): void {
		if (!this.#closing) return
		this.#server.close()
		throw new RemoteTermError('STOPPED', 'The gateway has been closed')
	}
}

const encrypted = (
	options: Parameters<typeof createTlsServer>[0],
	answer: NodeListener,
	certificate: CertificateWatch,
): TlsServer => {
	const server = createTlsServer(options, answer)
	certificate.onChange = changed => server.setSecureContext({ ...changed })
	return server
}

/**
 * What Node's parser refuses never becomes a request; the answer is written by hand. What is no fault of HTTP, such as a
 * handshake that failed or a connection that broke, leaves nobody to answer.
 */
const refuseRaw = (error: Error & { code?: string }, socket: Duplex): void => {
	if (!socket.writable || !/^(?:HPE_|ERR_HTTP_)/.test(error.code ?? '')) {
		socket.destroy()
		return
	}
	const refusal = rawRefusal(error.code)
	const problem = problemOf(refusal)
	const body = JSON.stringify(problem)
	socket.end(
		`HTTP/1.1 ${problem.status} ${problem.title}\r\nContent-Type: ${PROBLEM_TYPE}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
		() => socket.destroy(),
	)
}

const rawRefusal = (code: string | undefined): Refusal => {
	switch (code) {
		case 'HPE_HEADER_OVERFLOW':
			return new Refusal(431, 'HEADERS_TOO_LARGE', 'The headers of the request are too large')
		case 'ERR_HTTP_REQUEST_TIMEOUT':
			return new Refusal(408, 'REQUEST_TIMEOUT', 'The request did not arrive in time')
		default:
			return new Refusal(400, 'BAD_REQUEST', 'The request is not HTTP that this server speaks')
	}
}

/** A request target or a `Host` that is no URL. */
const malformed = (error: unknown): Response => {
	const problem = problemOf(
		error instanceof Error && error.name === 'RequestError'
			? new Refusal(400, 'BAD_REQUEST', 'The URL of the request is malformed')
			: new Refusal(500, 'INTERNAL', 'The gateway failed'),
	)
	return new Response(JSON.stringify(problem), {
		status: problem.status,
		headers: { 'content-type': PROBLEM_TYPE, connection: 'close' },
	})
}
