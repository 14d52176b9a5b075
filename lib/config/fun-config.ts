import { z } from 'zod'
import { argType } from './arg-types.ts'
import { isItemVersion, LOWEST_VERSION, SEMVER } from './item-version.ts'
import { NAME, NAME_EXPECTED } from './names.ts'
import { explained } from './schema-faults.ts'

/** A service's or a request type's name. */
export const name = z
	.string({
		error: ({ input }) => (input === undefined ? `is missing: expected ${NAME_EXPECTED}` : undefined),
	})
	.regex(NAME, `expected ${NAME_EXPECTED}`)

/** An http(s) URL without user and password, or the name of a node. */
const NODE = /^(?:https?:\/\/[^\s/?#@\\]+(?:[/?#][^\s\\]*)?|[A-Za-z0-9_][A-Za-z0-9_.:@-]{0,127})$/

export const node = z
	.string()
	.max(2_048)
	.regex(NODE, 'expected an http(s) URL without a password in it, or the name of a node')
	.refine(text => !/^https?:/.test(text) || URL.canParse(text), 'is no valid URL')

/** Where a call goes: an HTTP path or a name. Neither blank nor control characters. */
const target = z
	.string()
	.max(2_048)
	.regex(/^[^\s\p{Cc}\p{Cf}]+$/u, 'expected a path or a name, without blanks')

const MAX_ARGS = 256

export const targetArgs = z
	.record(z.string().min(1).max(128), z.string().max(8_192))
	.refine(args => Object.keys(args).length <= MAX_ARGS, `expected at most ${MAX_ARGS} arguments`)
	.meta({ maxProperties: MAX_ARGS })

/** A target of its own with its arguments, or only the former: what the reference system calls an MF or an MFA. */
const hook = z.union([target, z.strictObject({ target, args: targetArgs.default({}) })], {
	error: () => 'expected a target, or `{ target, args }`',
})

const argName = z
	.string()
	.regex(/^[^\s\p{Cc}\p{Cf}]{1,128}$/u, 'expected the name of an argument, of up to 128 characters')

const chooseNodeMode = z.union(
	[
		z.enum(['random', 'hash', 'roundRobin']),
		z.strictObject({ hash: argName }),
		z.strictObject({ sticky: argName }),
	],
	{ error: () => "expected 'random', 'hash', 'roundRobin', { hash: name } or { sticky: name }" },
)

const timeout = z.union([z.int().min(100).max(300_000), z.literal('infinity')], {
	error: () => "expected an integer from 100 to 300000 (milliseconds), or 'infinity'",
})

const checkPermission = z.union(
	[
		z.literal(false),
		z.literal('anyAuthenticated'),
		z.strictObject({ arg: argName }),
		z.strictObject({ role: z.array(z.string().min(1).max(128)).min(1).max(256) }),
	],
	{ error: () => "expected false, 'anyAuthenticated', { arg: name } or { role: [name, …] }" },
)

/** A fraction is cut off, as in the reference system; what would be no attempt at all is refused. */
const attempts = z.number().min(1).max(1_000).transform(Math.trunc)

/** A bare number means all nodes. */
const retry = z.union(
	[
		attempts.transform(allNodes => ({ allNodes })),
		z.strictObject({ sameNode: attempts }),
		z.strictObject({ allNodes: attempts }),
	],
	{ error: () => 'expected a number from 1 to 1000, { sameNode: number } or { allNodes: number }' },
)

/** Missing, `null` and empty are the lowest version. */
const version = z
	.string()
	.max(256)
	.regex(new RegExp(`^$|${SEMVER.source}`), {
		error: 'expected a semantic version such as 1.2.3',
		abort: true,
	})
	.refine(text => text === '' || isItemVersion(text), 'has a number that is too large to be compared')
	.nullish()
	.transform(text => (text === undefined || text === null || text === '' ? LOWEST_VERSION : text))

/** In the order in which faults are reported. */
const shape = {
	requestType: name,
	service: name,
	nodes: z.union([z.array(node).min(1).max(1_024), z.literal('local')], {
		error: ({ input }) => (Array.isArray(input) ? undefined : "expected a list of nodes, or 'local'"),
	}),
	chooseNodeMode: chooseNodeMode.default('random'),
	timeout: timeout.default(5_000).describe('Milliseconds'),
	target,
	args: targetArgs.default({}),
	argTypes: z.record(argName, argType).nullable().default(null),
	argOrders: z
		.union([z.literal('map'), z.array(argName).max(256)], {
			error: ({ input }) => (Array.isArray(input) ? undefined : "expected a list of names, or 'map'"),
		})
		.nullable()
		.default(null),
	responseType: z.enum(['sync', 'async', 'stream', 'none']).default('sync'),
	checkPermission: checkPermission.default(false),
	permissionCallback: hook.nullable().default(null),
	requestInfo: z.boolean().default(false),
	version,
	disabled: z.boolean().default(false),
	retry: retry.nullable().default(null),
	beforeExecute: hook.nullable().default(null),
	afterExecute: hook.nullable().default(null),
	hookTimeout: z.int().min(1).max(300_000).default(5_000).describe('Milliseconds'),
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
	typeof value === 'object' && value !== null && !Array.isArray(value)

/** What is wrong with the two together; `undefined` where nothing is, or where one is wrong by itself. */
const argsFault = (types: unknown, orders: unknown): string | undefined => {
	if (types !== undefined && types !== null && !isRecord(types)) return undefined
	const names = Object.keys(types ?? {})
	if (orders === undefined || orders === null) {
		return names.length > 0
			? "is missing: with `argTypes` it is a list of their names, [] or 'map'"
			: undefined
	}
	if (names.length === 0) {
		if (Array.isArray(orders)) return orders.length > 0 ? 'names arguments that have no type' : undefined
		return orders === 'map' ? 'expected null or [] where there are no `argTypes`' : undefined
	}
	if (!Array.isArray(orders) || orders.length === 0) return undefined
	const same = orders.length === names.length && new Set(orders).size === orders.length
	return same && names.every(one => orders.includes(one)) ? undefined : 'must name each of `argTypes` once'
}

/** Runs however wrong the rest is, so that all faults are reported at once. */
const argsRule = z.check<unknown>(payload => {
	const { value } = payload
	if (!isRecord(value)) return
	const message = argsFault(value['argTypes'], value['argOrders'])
	if (message !== undefined) {
		payload.issues.push({ code: 'custom', path: ['argOrders'], message, input: value['argOrders'] })
	}
})

argsRule._zod.def.when = () => true

/**
 * The schema of one callable function, any Standard Schema validator's equal. It reports all faults, in the order of
 * declaration, and fills in what has a default.
 */
export const funConfig = z.strictObject(shape).check(argsRule, explained(Object.keys(shape)))

/** The same within a push, where the service is named once for all. Its faults are found by `funConfig`. */
export const pushedFunConfig = z.strictObject({ ...shape, service: name.optional() })

/** One callable function of a service, as it is stored: defaults filled in. See docs/config.md for each field. */
export type FunConfig = z.output<typeof funConfig>
/** The same as it may be written: what has a default may be left out. */
export type FunConfigInput = z.input<typeof funConfig>
/** The same within a push, where `service` may be left out, too: it is the push's. */
export type PushedFunConfig = z.input<typeof pushedFunConfig>
