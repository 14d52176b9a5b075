import { z } from 'zod'
import type { JsonSchema } from './route.ts'

/**
 * What the gateway answers, as schemas: the OpenAPI document has them as components, and the tests hold every answer
 * against them.
 */
const moment = z.number().describe('Milliseconds since the Unix epoch')
const count = z.int().min(0)

const service = z.object({
	service: z.string(),
	configVersion: z.string(),
	revision: z.int().min(1).describe('Grows with each change of the service'),
	source: z.enum(['push', 'pull']).describe('Who brought it: the service itself, or the puller'),
	committedAt: moment,
	nodes: z.array(z.string()),
	items: count.describe('How many it has, disabled ones included'),
	pulled: z.boolean().describe('Whether the gateway pulls it, too'),
})

const failure = z.object({
	id: z.int(),
	service: z.string().optional(),
	requestType: z.string().optional(),
	version: z.string().optional(),
	source: z.enum(['push', 'pull']),
	node: z.string().optional(),
	reasons: z.array(z.string()),
	count: z.int().min(1).describe('How often the very same has happened'),
	firstAt: moment,
	lastAt: moment,
	expiresAt: moment,
})

const fault = z.object({ code: z.string(), message: z.string() })

const pull = z.object({
	service: z.string(),
	status: z
		.enum(['waiting', 'ok', 'failing', 'not_pulled'])
		.describe('Not yet pulled; well; failing; registered, and not allowed'),
	by: z.enum(['push', 'operator']).describe('Who wants it pulled'),
	nodes: z.array(z.string()),
	configVersion: z.string().optional().describe('Of what is stored'),
	lastSuccessAt: moment.optional(),
	nextPullAt: moment.optional().describe('Missing while it is being pulled'),
	consecutiveFailures: count,
	lastError: fault.optional(),
})

const gateway = z.object({
	status: z.enum(['starting', 'ready', 'closing']),
	version: z.string(),
	startedAt: moment.optional(),
	items: count,
	connections: count,
})

const stream = z.object({
	state: z.enum(['starting', 'serving', 'closed']),
	stateSince: moment,
	items: count,
	clients: count.describe('Streams that are open'),
	connected: count.describe('Streams that were begun, since the start'),
	refused: count.describe('Streams that were not: nothing to serve yet, too many clients, closed'),
	dropped: count.describe('Streams that were broken off: slow, stalled, failed'),
	lastChangeAt: moment.optional().describe('When clients were last told of something new'),
	upstream: z
		.object({
			state: z.enum(['INITIALIZING', 'VALID', 'INTERRUPTED', 'OFF']),
			stateSince: moment,
			lastEventAt: moment.optional(),
			lastError: fault.optional().describe('Stays after the recovery'),
		})
		.optional()
		.describe('The stream that is passed on'),
})

const answers = {
	Service: service,
	Services: z.object({ services: z.record(z.string(), service) }),
	PushOutcome: z.discriminatedUnion('status', [
		z.object({
			status: z.literal('accepted'),
			service: z.string(),
			configVersion: z.string(),
			previousVersion: z.string().optional(),
			revision: z.int().min(1),
			added: count.describe('Items'),
			changed: count,
			removed: count,
		}),
		z.object({
			status: z.literal('skipped'),
			reason: z.literal('version_matches'),
			service: z.string(),
			configVersion: z.string(),
			revision: z.int().min(1),
		}),
	]),
	Verification: z.discriminatedUnion('status', [
		z.object({ status: z.literal('matched') }),
		z.object({ status: z.literal('mismatch'), stored: z.string() }),
	]),
	Unverified: z.object({ status: z.literal('not_found') }),
	Deleted: z.object({ status: z.literal('deleted'), service: z.string(), removed: count }),
	Flagged: z.object({ status: z.enum(['changed', 'unchanged']) }),
	Pulls: z.object({ pulls: z.array(pull) }),
	PullOutcome: z.object({
		service: z.string(),
		status: z.enum(['updated', 'unchanged', 'failed']),
		configVersion: z.string().optional(),
		error: fault.optional(),
	}),
	Failures: z.object({ failures: z.array(failure), total: count }),
	Status: z.object({
		gateway,
		services: z.array(service),
		pulls: z.array(pull),
		failures: z.array(failure),
		stream: stream.optional(),
	}),
	Health: z.object({ status: z.literal('ok') }),
	Readiness: z.object({
		status: z.enum(['starting', 'ready', 'closing']),
		database: z.boolean().describe('Whether the database is open'),
		pulls: z.boolean().describe('Whether every service that is to be pulled has been tried once'),
	}),
} as const satisfies Readonly<Record<string, z.ZodType>>

export type AnswerName = keyof typeof answers
export type Answer<Name extends AnswerName> = z.input<(typeof answers)[Name]>
export type ServiceAnswer = Answer<'Service'>
export type FailureAnswer = z.input<typeof failure>
export type StreamAnswer = z.input<typeof stream>
export type PullAnswer = z.input<typeof pull>

const jsonSchemaOf = (schema: z.ZodType): JsonSchema => {
	// A fragment of a document has no dialect of its own.
	const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input' })
	return rest
}

export const answerSchemas = (): Readonly<Record<string, JsonSchema>> =>
	Object.fromEntries(Object.entries(answers).map(([name, schema]) => [name, jsonSchemaOf(schema)]))

export const schemaRef = (name: AnswerName | 'Item' | 'Items' | 'PushConfig' | 'Problem'): JsonSchema => ({
	$ref: `#/components/schemas/${name}`,
})
