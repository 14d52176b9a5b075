import type { Dispatcher } from 'undici'
import { parseJson } from '../../codecs/json.ts'
import { reasonOf, untilAborted } from '../../core/clock.ts'
import { RemoteTermError } from '../../core/errors.ts'
import { redactUrl } from '../../core/redact.ts'
import { TimeLimit } from '../../core/time-limit.ts'
import { retryAfterOf } from '../../../fetchers/http-answer.ts'
import { faultOf } from '../../../fetchers/http-request/fault.ts'
import { onlyFieldOf, type HttpHeaders } from '../../../fetchers/http-request/http-request.ts'
import { refusalOf } from '../push/gateway-answers.ts'
import { checkedToken, type PusherSettings } from '../push/pusher-options.ts'
import type { RequestBody } from './request-body.ts'

export interface GatewayRequest {
	readonly method: 'GET' | 'PUT'
	/** Below the gateway's URL, percent-encoded. */
	readonly path: string
	readonly query?: Readonly<Record<string, string>> | undefined
	readonly body?: RequestBody | undefined
	/** What else than a 2xx is an answer. */
	readonly expects?: ((status: number, value: unknown) => boolean) | undefined
	readonly signal?: AbortSignal | undefined
}

interface Raw {
	readonly status: number
	readonly headers: HttpHeaders
	readonly value: unknown
}

/**
 * One request to a gateway and its JSON. It ends in time, reads no more than it has to, follows no redirect (a token
 * belongs to one place, and a PUT must not become a GET), and never shows the token.
 */
export class GatewayClient {
	readonly #settings: PusherSettings
	readonly #life = new AbortController()
	#own: Promise<Dispatcher> | undefined

	constructor(settings: PusherSettings) {
		this.#settings = settings
	}

	/** @throws `FETCH_*`, and what the gateway says in its answer; `STOPPED`. */
	async ask(request: GatewayRequest): Promise<unknown> {
		const { clock, timeout, url } = this.#settings
		const target = new URL(request.path, url)
		for (const [name, value] of Object.entries(request.query ?? {})) target.searchParams.set(name, value)
		const subject = `${request.method} ${redactUrl(target)}`
		const limit = new TimeLimit(clock, timeout, {
			error: () => new RemoteTermError('FETCH_TIMEOUT', `${subject} took longer than ${timeout} ms`),
			outer: [this.#life.signal, request.signal],
		})
		const { signal } = limit
		if (signal.aborted) throw reasonOf(signal)
		try {
			return await untilAborted(this.#ask(request, target, subject, signal), signal)
		} finally {
			// Whatever is still under way, a body that nobody reads any more included.
			limit.abort()
		}
	}

	async close(): Promise<void> {
		this.#life.abort(new RemoteTermError('STOPPED', 'The pusher is closed'))
		const own = await this.#own?.catch(() => undefined)
		await own?.destroy()
	}

	async #ask(request: GatewayRequest, target: URL, subject: string, signal: AbortSignal): Promise<unknown> {
		const { clock, token: source } = this.#settings
		let token = await this.#token(signal)
		let answer = await this.#send(request, target, subject, token, signal)
		if (answer.status === 401 && typeof source === 'function') {
			const renewed = await this.#token(signal)
			if (renewed !== token) {
				token = renewed
				answer = await this.#send(request, target, subject, token, signal)
			}
		}
		const { status, headers, value } = answer
		if ((status >= 200 && status < 300) || request.expects?.(status, value)) return value
		if (status >= 300 && status < 400) {
			const location = onlyFieldOf(headers, 'location')
			const to =
				location !== undefined && URL.canParse(location, target.href) ? new URL(location, target) : undefined
			const where = to === undefined ? '' : ` to ${redactUrl(to)}`
			throw new RemoteTermError(
				'FETCH_REDIRECT',
				`${subject} redirects${where}, which is not followed: is \`url\` right?`,
				{ status },
			)
		}
		const retryAfter = retryAfterOf(headers, clock.now())
		throw refusalOf({ subject, status, retryAfter, value, token })
	}

	async #token(signal: AbortSignal): Promise<string | undefined> {
		const { token } = this.#settings
		if (typeof token !== 'function') return token
		let given: string
		try {
			given = await token({ signal })
		} catch (error) {
			if (error instanceof RemoteTermError) throw error
			throw new RemoteTermError('FETCH_FAILED', 'The function `token` failed', { cause: error })
		}
		return checkedToken(given)
	}

	async #send(
		{ method, body }: GatewayRequest,
		target: URL,
		subject: string,
		token: string | undefined,
		signal: AbortSignal,
	): Promise<Raw> {
		const { dispatcher, maxResponseBytes } = this.#settings
		const through = dispatcher ?? (await (this.#own ??= this.#createAgent()))
		try {
			const answer = await through.request({
				origin: target.origin,
				path: `${target.pathname}${target.search}`,
				method,
				headers: {
					accept: 'application/json, application/problem+json',
					'user-agent': 'remote-term',
					...body?.headers,
					...(token !== undefined && { authorization: `Bearer ${token}` }),
				},
				body: body?.bytes ?? null,
				signal,
				// The time is kept above, on a clock that is a parameter.
				headersTimeout: 0,
				bodyTimeout: 0,
			})
			const chunks: Uint8Array[] = []
			let received = 0
			for await (const chunk of answer.body as AsyncIterable<Uint8Array>) {
				received += chunk.length
				if (received > maxResponseBytes)
					throw new RemoteTermError(
						'TOO_LARGE',
						`${subject} answered with more than ${maxResponseBytes} bytes`,
						{
							status: answer.statusCode,
						},
					)
				chunks.push(chunk)
			}
			return { status: answer.statusCode, headers: answer.headers, value: jsonOf(chunks) }
		} catch (error) {
			if (signal.aborted) throw reasonOf(signal)
			if (error instanceof RemoteTermError) throw error
			const { kind, message, cause } = faultOf(error)
			const code = kind === 'timeout' ? 'FETCH_TIMEOUT' : 'FETCH_FAILED'
			throw new RemoteTermError(code, `${subject} failed: ${message}`, { cause })
		}
	}

	async #createAgent(): Promise<Dispatcher> {
		const { Agent } = await import('undici')
		return new Agent({ connect: { timeout: this.#settings.timeout } })
	}
}

/** `undefined` for what is none, such as the page of a proxy. */
const jsonOf = (chunks: readonly Uint8Array[]): unknown => {
	try {
		return parseJson(Buffer.concat(chunks).toString())
	} catch {
		return undefined
	}
}
