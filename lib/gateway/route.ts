import type { Identity, Scope } from './tokens.ts'

export type Method = 'GET' | 'PUT' | 'POST' | 'DELETE'

/** JSON Schema 2020-12, as OpenAPI 3.1 has it. */
export type JsonSchema = Readonly<Record<string, unknown>>

export interface ParameterDocument {
	readonly in: 'path' | 'query'
	readonly description: string
	readonly schema: JsonSchema
	readonly required?: boolean
}

export interface AnswerDocument {
	readonly description: string
	/** Default: no body. */
	readonly type?: string
	readonly schema?: JsonSchema
}

/** What the OpenAPI document says about a route. */
export interface Operation {
	readonly id: string
	readonly summary: string
	readonly description?: string
	readonly parameters?: Readonly<Record<string, ParameterDocument>>
	/** Of the request's body, which then is JSON or MessagePack. */
	readonly body?: JsonSchema
	readonly answers: Readonly<Record<number, AnswerDocument>>
	/** Problems that it may answer with, beyond those that every route may: 401, 403, 429, 500, 503. */
	readonly problems?: readonly number[]
}

/** What a handler is given. */
export interface Call {
	readonly request: Request
	/** Of the path, decoded. */
	readonly params: Readonly<Record<string, string>>
	readonly query: URLSearchParams
	/** Who asks; a route without scopes is asked by nobody in particular. */
	readonly identity: Identity | undefined
	/** Whether the same request would still be let in, for answers that take long. */
	readonly isAllowed: () => boolean
	/** The client's address, where it is known. */
	readonly address: string | undefined
	/** The decoded body: read when it is asked for, and within the gateway's limits. */
	readonly body: () => Promise<unknown>
	/** Breaks the client's connection, where the server can do that. */
	readonly abort: (() => void) | undefined
	/** Aborted when the gateway begins to close: whoever streams ends its stream then. */
	readonly closing: AbortSignal
}

export interface Route {
	readonly method: Method
	/** As OpenAPI writes it: `/v1/services/{service}`. A parameter called `service` is held against the token's services. */
	readonly path: string
	/** Any of these will do. None: no token is asked for. */
	readonly scopes: readonly Scope[]
	/** Whether the header `Authorization` may also be the token itself. */
	readonly bareToken?: boolean
	readonly operation: Operation
	readonly handle: (call: Call) => Response | Promise<Response>
}

export const answer = (
	value: unknown,
	status = 200,
	headers: Readonly<Record<string, string>> = {},
): Response =>
	new Response(JSON.stringify(value), {
		status,
		headers: { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers },
	})
