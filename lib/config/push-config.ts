import { z } from 'zod'
import { name, node, targetArgs, type PushedFunConfig } from './fun-config.ts'
import { explained } from './schema-faults.ts'

/**
 * What a pull asks a node for: a path, or a relative name. Resolved against a node it cannot lead anywhere else, which
 * is why it has no scheme, no host and no backslash, which URLs take for a slash.
 */
const pullTarget = z
	.string()
	.max(2_048)
	.regex(
		/^(?!\/\/)(?![A-Za-z][A-Za-z0-9+.-]*:)[^\s\p{Cc}\p{Cf}\\]+$/u,
		'expected a path or a name: no scheme, no host, no blanks',
	)

const nodes = z.array(node).min(1, 'expected at least one node').max(1_024)

/** They become a query, and so a part of a URL. Servers take no longer ones. */
const MAX_QUERY = 8_192
const pullArgs = targetArgs.refine(
	args =>
		Object.entries(args).reduce((sum, [name, value]) => sum + name.length + value.length, 0) <= MAX_QUERY,
	`expected at most ${MAX_QUERY} characters in all`,
)

const pull = {
	args: pullArgs.optional(),
	versionTarget: pullTarget.optional(),
	versionArgs: pullArgs.optional(),
	refreshInterval: z
		.int()
		.min(100)
		.max(2 ** 31 - 1)
		.optional()
		.describe('Milliseconds'),
	timeout: z.int().min(100).max(300_000).optional().describe('Milliseconds'),
}

/** Opaque, unless both of two are semantic versions. */
export const configVersion = z
	.string()
	.min(1, 'expected a version')
	.max(256)
	.regex(/^[^\p{Cc}]*$/u, 'must not have control characters')

const serviceShape = { service: name, nodes, target: pullTarget, ...pull }

export const serviceConfig = z.strictObject(serviceShape).check(explained(Object.keys(serviceShape)))

/** A service that is pulled: its nodes are asked for `target` in turn until one answers. */
export type ServiceConfig = z.output<typeof serviceConfig>

/** All of a push but its items, which have a schema of their own, and are checked one by one. */
export const pushEnvelope = z.strictObject({
	service: name,
	nodes,
	configVersion,
	items: z.array(z.unknown()).min(1, 'expected at least one item'),
	target: pullTarget.optional(),
	...pull,
})

export const checkedEnvelope = pushEnvelope.check(explained(Object.keys(pushEnvelope.shape)))

export type PushEnvelope = z.output<typeof pushEnvelope>

/**
 * A push's schema, made of its items' one. `ConfigReceiver` checks by the parts, so as to name all faults under limits;
 * this is for those who check before they push, and what the published JSON Schema is made of.
 */
export const pushConfig = <Item extends z.ZodType>(item: Item) =>
	pushEnvelope.extend({ items: z.array(item).min(1, 'expected at least one item') })

/** A service's whole configuration, as the service pushes it. With `target`, the gateway pulls it from then on, too. */
export type PushConfig<Item = PushedFunConfig> = Omit<PushEnvelope, 'items'> & {
	readonly items: readonly Item[]
}

/** What a push asks to be pulled; `undefined` where it has no `target`. */
export const toServiceConfig = (push: PushConfig<unknown>): ServiceConfig | undefined => {
	const { service, nodes, target, args, versionTarget, versionArgs, refreshInterval, timeout } = push
	if (target === undefined) return undefined
	return {
		...{ service, nodes, target },
		...(args !== undefined && { args }),
		...(versionTarget !== undefined && { versionTarget }),
		...(versionArgs !== undefined && { versionArgs }),
		...(refreshInterval !== undefined && { refreshInterval }),
		...(timeout !== undefined && { timeout }),
	}
}
