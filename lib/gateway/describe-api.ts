import type { ConfigItem } from '../config/config-db.ts'
import { jsonSchemas } from '../config/json-schemas.ts'
import { answerSchemas } from './answers.ts'
import { openApiOf } from './openapi.ts'
import type { GatewayOptions } from './options.ts'
import type { JsonSchema, Route } from './route.ts'

const isRecord = (value: unknown): value is JsonSchema =>
	typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * A schema as a component: without its dialect, and with its own definitions (`#/$defs/…`, which would be looked for
 * at the root of the document) as components of their own.
 */
const componentsOf = (name: string, schema: JsonSchema): Readonly<Record<string, JsonSchema>> => {
	const moved = (value: unknown): unknown => {
		if (Array.isArray(value)) return value.map(moved)
		if (!isRecord(value)) return value
		return Object.fromEntries(
			Object.entries(value).map(([key, member]) => [
				key,
				key === '$ref' && typeof member === 'string'
					? member.replace(/^#\/\$defs\/_*/, `#/components/schemas/${name}_`)
					: moved(member),
			]),
		)
	}
	const { $schema: _, $defs = {}, ...rest } = schema
	return {
		[name]: moved(rest) as JsonSchema,
		...Object.fromEntries(
			Object.entries($defs as Readonly<Record<string, JsonSchema>>).map(([key, definition]) => [
				`${name}_${key.replace(/^_+/, '')}`,
				moved(definition) as JsonSchema,
			]),
		),
	}
}

/** The OpenAPI document of a gateway: its routes, what they answer, and what its items are. */
export const describeApi = <Item extends ConfigItem>(
	routes: readonly Route[],
	{
		basePath,
		version,
		options: { schema, itemSchema },
	}: {
		readonly basePath: string
		readonly version: string
		readonly options: Pick<GatewayOptions<Item>, 'schema' | 'itemSchema'>
	},
): JsonSchema => {
	const anything: JsonSchema = { type: 'object' }
	const item = itemSchema ?? (schema === undefined ? jsonSchemas.funConfig : anything)
	// Its items are those of this gateway, so the definitions that go with others are left out.
	const { $schema: _, $defs: __, properties, ...push } = jsonSchemas.pushConfig
	const items = { type: 'array', minItems: 1, items: { $ref: '#/components/schemas/Item' } }
	return openApiOf({
		routes,
		basePath,
		version,
		schemas: {
			...answerSchemas(),
			...componentsOf('Item', item),
			Items: {
				type: 'object',
				required: ['items'],
				properties: {
					items: {
						type: 'array',
						items: {
							type: 'object',
							required: ['item', 'disabled'],
							properties: {
								item: { $ref: '#/components/schemas/Item' },
								disabled: {
									type: 'boolean',
									description: 'Whether reads pass over it',
								},
							},
						},
					},
				},
			},
			// The path names the service, so the body need not.
			PushConfig: {
				...push,
				required: ['nodes', 'configVersion', 'items'],
				properties: { ...(properties as Readonly<Record<string, unknown>>), items },
			},
		},
	})
}
