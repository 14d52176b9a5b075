import { z } from 'zod'

export const ARG_TYPES = [
	'string',
	'num',
	'boolean',
	'listString',
	'listNum',
	'listUuid',
	'listMap',
	'map',
	'any',
	'uuid',
] as const

const typeName = z.enum(ARG_TYPES)
const limit = z.int().min(1).max(Number.MAX_SAFE_INTEGER)

/** What has a size of its own, so that a bare limit means something: bytes of a string, items of the others. */
const SIZED: readonly ArgTypeName[] = ['string', 'listString', 'listNum', 'listUuid', 'listMap', 'map']

const limited = z
	.tuple([typeName, limit])
	.refine(([type]) => SIZED.includes(type), {
		error: ({ input }) => `${(input as [string])[0]} has no size that could be limited`,
	})
	.describe('A type and its limit: bytes of a string, items of a list, members of a map')

const detailed = z
	.strictObject({
		type: typeName,
		allowNil: z.boolean().optional(),
		defaultValue: z.json().optional(),
		maxBytes: limit.optional().describe('Of a string, in bytes'),
		maxItems: limit.optional().describe('Items of a list, members of a map'),
		maxItemBytes: limit.optional().describe('Of each string in a listString, in bytes'),
		required: z.boolean().optional(),
		accept: z.array(z.json()).min(1).max(1_000).optional().describe('The only values that are accepted'),
	})
	.superRefine(({ type, maxBytes, maxItems, maxItemBytes }, context) => {
		const refuse = (option: string, value: unknown, types: readonly ArgTypeName[]): void => {
			if (value === undefined || types.includes(type)) return
			context.addIssue({ code: 'custom', path: [option], message: `${type} takes no \`${option}\`` })
		}
		refuse('maxBytes', maxBytes, ['string'])
		refuse('maxItems', maxItems, SIZED.slice(1))
		refuse('maxItemBytes', maxItemBytes, ['listString'])
	})

/** The type of one argument: its name, its name with a limit, or with more to say about it. */
export const argType = z.union([typeName, limited, detailed], {
	error: () => `expected one of ${ARG_TYPES.join(', ')}, or one of them with its limits`,
})

export type ArgTypeName = (typeof ARG_TYPES)[number]
export type ArgType = z.output<typeof argType>
