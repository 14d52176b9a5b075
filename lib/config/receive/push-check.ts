import { messageOf, RemoteTermError, type ErrorIssue } from '../../core/errors.ts'
import type { Schema } from '../../core/standard-schema.ts'
import type { ConfigItem } from '../config-db.ts'
import { isItemVersion, versionOrLowest } from '../item-version.ts'
import { isName, NAME_EXPECTED } from '../names.ts'
import { plainCopy } from '../plain-data.ts'
import { checkedEnvelope, pushEnvelope, type PushEnvelope } from '../push-config.ts'

export interface PushLimits {
	/** Items of one service. Default 10 000. */
	readonly maxItems: number
	/** Bytes of one item, as JSON. Default 256 KiB. */
	readonly maxItemBytes: number
	/** How deep an item's arrays and objects may be nested. Default 64. */
	readonly maxDepth: number
}

export const PUSH_LIMITS: PushLimits = Object.freeze({
	maxItems: 10_000,
	maxItemBytes: 256 * 2 ** 10,
	maxDepth: 64,
})

/** What of a service's own: `true`, or why it is refused. */
export type ItemPolicy<Item> = (item: Item) => true | string | Promise<true | string>

export interface CheckedPush<Item> {
	readonly envelope: PushEnvelope
	readonly items: readonly Item[]
}

/** All faults are looked for, but the wrongest push gets no longer an answer than this. */
const MAX_ISSUES = 1_000
const ISSUES_SHOWN = 5
/** Of the envelope, which knows a dozen. To copy half a million of them would take a second. */
const MAX_MEMBERS = 100
/** The event loop gets its turn after so many items. */
const TURN = 200

const ENVELOPE_ORDER = Object.keys(pushEnvelope.shape)

/** What is wrong with a push so far. */
class Faults {
	readonly issues: ErrorIssue[] = []
	more = 0

	add(path: ReadonlyArray<string | number>, message: string): void {
		if (this.issues.length < MAX_ISSUES) this.issues.push({ path, message })
		else this.more++
	}

	get full(): boolean {
		return this.issues.length >= MAX_ISSUES
	}
}

/**
 * Everything that can be said about a push without asking what is stored: shape, limits, each item by its schema and
 * the operator's policy. Changes nothing.
 *
 * @throws `VALIDATION_FAILED` with all faults, in the order of declaration, each with its path
 */
export const checkPush = async <Item extends ConfigItem>(
	config: unknown,
	{
		schema,
		policy,
		limits,
		signal,
	}: {
		readonly schema: Schema<Item>
		readonly policy: ItemPolicy<Item> | undefined
		readonly limits: PushLimits
		readonly signal: AbortSignal
	},
): Promise<CheckedPush<Item>> => {
	const faults = new Faults()
	const envelope = checkEnvelope(config, limits, faults)
	const found = (config as { items?: unknown } | null)?.items
	const items: Item[] = []
	if (Array.isArray(found) && found.length <= limits.maxItems) {
		const service = (config as { service?: unknown }).service
		const seen = new Map<string, number>()
		for (const [index, input] of (found as unknown[]).entries()) {
			if (faults.full || signal.aborted) break
			if (index % TURN === TURN - 1) await turn()
			const item = await checkItem(input, index, service, { schema, policy, limits }, faults)
			if (item === undefined) continue
			const key = `${item.requestType} ${item.version}`
			const twin = seen.get(key)
			if (twin === undefined) seen.set(key, index)
			else faults.add(['items', index], `has the same requestType and version as item ${twin}`)
			items.push(item)
		}
	}
	if (envelope !== undefined && faults.issues.length === 0) return { envelope, items }
	throw refusal(faults)
}

const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

const refusal = ({ issues, more }: Faults): RemoteTermError => {
	issues.sort((a, b) => positionOf(a) - positionOf(b))
	const shown = issues
		.slice(0, ISSUES_SHOWN)
		.map(({ path, message }) => `${path.length > 0 ? `/${path.join('/')}: ` : ''}${message}`)
	const left = issues.length - shown.length + more
	return new RemoteTermError(
		'VALIDATION_FAILED',
		`The configuration is refused, and nothing has changed: ${shown.join('; ')}${left > 0 ? `; and ${left} more` : ''}`,
		{ issues },
	)
}

const positionOf = ({ path }: ErrorIssue): number => {
	const position = ENVELOPE_ORDER.indexOf(String(path[0]))
	return position < 0 ? ENVELOPE_ORDER.length : position
}

/** Nothing of what it says, which may be secret. */
const kindOf = (value: unknown): string => {
	if (value === undefined || value === null) return String(value)
	return Array.isArray(value) ? 'an array' : `a ${typeof value}`
}

/** All but the items, of which it looks only at whether they are a list of a length that is allowed. */
const checkEnvelope = (config: unknown, limits: PushLimits, faults: Faults): PushEnvelope | undefined => {
	if (typeof config !== 'object' || config === null || Array.isArray(config)) {
		faults.add([], `expected an object with service, nodes, configVersion and items, got ${kindOf(config)}`)
		return undefined
	}
	const members = Object.keys(config).length
	if (members > MAX_MEMBERS) {
		faults.add([], `has ${members} members, more than ${MAX_MEMBERS}`)
		return undefined
	}
	const { items, ...rest } = config as { readonly items?: unknown }
	const plain = plainCopy<object>(rest, { maxDepth: 16, maxBytes: 2 ** 20 })
	if ('issue' in plain) {
		faults.add(plain.issue.path, plain.issue.message)
		return undefined
	}
	const tooMany = Array.isArray(items) && items.length > limits.maxItems
	if (tooMany) faults.add(['items'], `has ${items.length} items, more than ${limits.maxItems}`)
	// A stand-in, since a list of a million needs not be walked through to be refused.
	const standIn: unknown = Array.isArray(items) ? items.slice(0, 1) : items
	const parsed = checkedEnvelope.safeParse({ ...plain.copy, ...(items !== undefined && { items: standIn }) })
	if (parsed.success) return parsed.data
	for (const { path, message } of parsed.error.issues) {
		faults.add(
			path.map(segment => (typeof segment === 'symbol' ? String(segment) : segment)),
			message,
		)
	}
	return undefined
}

const checkItem = async <Item extends ConfigItem>(
	input: unknown,
	index: number,
	service: unknown,
	{
		schema,
		policy,
		limits,
	}: {
		readonly schema: Schema<Item>
		readonly policy: ItemPolicy<Item> | undefined
		readonly limits: PushLimits
	},
	faults: Faults,
): Promise<Item | undefined> => {
	const before = faults.issues.length + faults.more
	const refuse = (path: ReadonlyArray<string | number>, message: string): undefined =>
		faults.add(['items', index, ...path], message) as undefined
	const bounds = { maxDepth: limits.maxDepth, maxBytes: limits.maxItemBytes }
	const plain = plainCopy(input, bounds)
	if ('issue' in plain) return refuse(plain.issue.path, plain.issue.message)
	if (typeof plain.copy !== 'object' || plain.copy === null || Array.isArray(plain.copy)) {
		return refuse([], 'expected an object')
	}
	const given = plain.copy as { readonly service?: unknown; readonly version?: unknown }
	const result = await schema['~standard'].validate({
		...given,
		// Where the push's own is none, that is its fault and not each item's.
		service: given.service ?? (isName(service) ? service : 'unnamed'),
		version: versionOrLowest(given.version),
	})
	if (result.issues !== undefined) {
		for (const { path = [], message } of result.issues) {
			const segments = path.map(segment => (typeof segment === 'object' ? segment.key : segment))
			refuse(
				segments.map(key => (typeof key === 'number' ? key : String(key))),
				message,
			)
		}
		return undefined
	}
	const output = plainCopy(result.value, bounds)
	if ('issue' in output) return refuse(output.issue.path, output.issue.message)
	const item = output.copy
	if (output.bytes * 24 > limits.maxItemBytes && byteLengthOf(item) > limits.maxItemBytes) {
		return refuse([], `has more than ${limits.maxItemBytes} bytes as JSON`)
	}
	if (!isName(item.requestType)) refuse(['requestType'], `expected ${NAME_EXPECTED}`)
	if (isName(service) && item.service !== service) refuse(['service'], "expected the push's service, or none")
	if (!isItemVersion(item.version)) refuse(['version'], 'expected a semantic version')
	if (policy !== undefined && faults.issues.length + faults.more === before) {
		const verdict = await ask(policy, item)
		if (verdict !== true) refuse([], verdict)
	}
	return item
}

/** A policy that fails has not said yes. */
const ask = async <Item>(policy: ItemPolicy<Item>, item: Item): Promise<true | string> => {
	try {
		const verdict = await policy(item)
		if (verdict === true) return true
		return typeof verdict === 'string' && verdict !== '' ? verdict : 'is refused by the policy'
	} catch (error) {
		return `the policy failed: ${messageOf(error)}`
	}
}

const byteLengthOf = (item: unknown): number => Buffer.byteLength(JSON.stringify(item), 'utf8')
