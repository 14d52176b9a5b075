import { PROBLEM_TYPE } from './problem.ts'
import { BODY_TYPES } from './body.ts'
import type { AnswerDocument, JsonSchema, Operation, Route } from './route.ts'

export interface OpenApiOptions {
	readonly routes: readonly Route[]
	readonly basePath: string
	readonly version: string
	readonly schemas: Readonly<Record<string, JsonSchema>>
}

const PROBLEMS: Readonly<Record<number, string>> = {
	400: 'The request, or its body, is malformed',
	401: 'No token, or one that is not known',
	403: 'The token may not do this, or the place to be pulled from is not allowed',
	404: 'There is no such thing',
	408: 'The body did not arrive in time',
	409: 'A lower version than the one that is stored, or somebody else was faster',
	413: 'The body is too large, as it travels or inflated',
	415: 'The body is of another type or coding than those that are read',
	422: 'The body does not say what it should: `issues` has every fault with its path',
	429: 'Too many requests; `Retry-After` says when to try again',
	500: 'The gateway failed',
	502: 'The source that was to be pulled failed',
	503: 'The gateway is starting, ending, or has no database',
	504: 'The source that was to be pulled did not answer in time',
}

const BODY_PROBLEMS = [400, 408, 413, 415, 422]

/** The routes as an OpenAPI 3.1 document, made from the same table as the router. */
export const openApiOf = ({ routes, basePath, version, schemas }: OpenApiOptions): JsonSchema => {
	const paths: Record<string, Record<string, unknown>> = {}
	for (const route of routes) (paths[route.path] ??= {})[route.method.toLowerCase()] = operationOf(route)
	return {
		openapi: '3.1.0',
		info: {
			title: 'remote-term gateway',
			version,
			description:
				'Receives configurations, keeps them, pulls them, and hands them out. Durations are milliseconds, dates milliseconds since the Unix epoch.',
			license: { name: 'MIT', identifier: 'MIT' },
		},
		servers: [{ url: basePath === '' ? '/' : basePath }],
		paths,
		components: {
			schemas: { ...schemas, Problem: PROBLEM_SCHEMA },
			securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
		},
	}
}

const operationOf = ({ method, operation, scopes }: Route): Record<string, unknown> => ({
	operationId: operation.id,
	summary: operation.summary,
	...(operation.description !== undefined && { description: operation.description }),
	security: scopes.length === 0 ? [] : scopes.map(scope => ({ token: [scope] })),
	...(operation.parameters !== undefined && {
		parameters: Object.entries(operation.parameters).map(([name, { required, ...parameter }]) => ({
			name,
			...parameter,
			required: parameter.in === 'path' || required === true,
		})),
	}),
	...(operation.body !== undefined && {
		requestBody: {
			required: true,
			description: 'May come with a Content-Encoding of gzip or deflate',
			content: Object.fromEntries(BODY_TYPES.map(type => [type, { schema: operation.body }])),
		},
	}),
	responses: {
		...Object.fromEntries(
			Object.entries(operation.answers).map(([status, document]) => [status, responseOf(document)]),
		),
		...Object.fromEntries(
			problemsOf(method, operation, scopes.length > 0)
				.filter(status => !(status in operation.answers))
				.map(status => [status, PROBLEM_RESPONSE(status)]),
		),
	},
})

const problemsOf = (method: string, operation: Operation, needsToken: boolean): readonly number[] => [
	...new Set([
		...(needsToken ? [400, 401, 403, 429, 500, 503] : [400, 500]),
		...(operation.body === undefined || method === 'GET' ? [] : BODY_PROBLEMS),
		...(operation.problems ?? []),
	]),
]

const responseOf = ({ description, type = 'application/json', schema }: AnswerDocument): object => ({
	description,
	...(schema !== undefined && { content: { [type]: { schema } } }),
})

const PROBLEM_RESPONSE = (status: number): object => ({
	description: PROBLEMS[status] ?? 'A problem',
	content: { [PROBLEM_TYPE]: { schema: { $ref: '#/components/schemas/Problem' } } },
})

const PROBLEM_SCHEMA: JsonSchema = {
	type: 'object',
	description: 'RFC 9457, with a stable `code`, and every single fault in `issues`',
	required: ['type', 'title', 'status', 'detail', 'code'],
	properties: {
		type: { type: 'string', const: 'about:blank' },
		title: { type: 'string' },
		status: { type: 'integer', minimum: 400, maximum: 599 },
		detail: { type: 'string' },
		code: { type: 'string', pattern: '^[A-Z_]+$' },
		issues: {
			type: 'array',
			items: {
				type: 'object',
				required: ['path', 'message'],
				properties: {
					path: { type: 'array', items: { type: ['string', 'integer'] } },
					message: { type: 'string' },
				},
			},
		},
	},
}
