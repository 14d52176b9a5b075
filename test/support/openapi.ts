import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import type { JsonSchema } from '../../lib/gateway/route.ts'

interface Media {
	readonly schema: JsonSchema
}

export interface OpenApi {
	readonly openapi: string
	readonly paths: Readonly<Record<string, Readonly<Record<string, OpenApiOperation>>>>
	readonly components: { readonly schemas: Readonly<Record<string, JsonSchema>> }
}

export interface OpenApiOperation {
	readonly operationId: string
	readonly security: ReadonlyArray<Readonly<Record<string, readonly string[]>>>
	readonly parameters?: ReadonlyArray<{
		readonly name: string
		readonly in: string
		readonly required: boolean
	}>
	readonly requestBody?: { readonly content: Readonly<Record<string, Media>> }
	readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, Media>> }>>
}

/** Holds answers and bodies against the document that promises them. */
export class Contract {
	readonly document: OpenApi
	readonly #ajv = new Ajv2020({ strict: false, allErrors: true })
	readonly #known = new Map<string, ValidateFunction>()
	/** `operationId status`, of every answer that was held against the document. */
	readonly seen = new Set<string>()

	constructor(document: OpenApi) {
		this.document = document
		;(addFormats as unknown as (ajv: Ajv2020) => void)(this.#ajv)
		this.#ajv.addSchema({ $id: 'openapi', components: document.components })
	}

	/** The path as the document has it, with the operation, for a request. */
	find(method: string, path: string): OpenApiOperation | undefined {
		for (const [pattern, operations] of Object.entries(this.document.paths)) {
			const expression = new RegExp(`^${pattern.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`)
			const operation = operations[method.toLowerCase()]
			if (operation !== undefined && expression.test(path)) return operation
		}
		return undefined
	}

	/** What is wrong with an answer; nothing, if nothing is. */
	faults(method: string, path: string, status: number, type: string | null, body: unknown): string[] {
		const operation = this.find(method, path)
		if (operation === undefined) return [`${method} ${path} is not documented`]
		const response = operation.responses[status]
		if (response === undefined) return [`${operation.operationId} documents no ${status}`]
		this.seen.add(`${operation.operationId} ${status}`)
		const essence = (type ?? '').split(';')[0]!
		const media = response.content?.[essence]
		if (media === undefined) return [`${operation.operationId} ${status} documents no ${essence}`]
		return this.check(`${operation.operationId}/${status}/${essence}`, media.schema, body)
	}

	/** What is wrong with a body that is sent; nothing, if nothing is. */
	bodyFaults(method: string, path: string, body: unknown): string[] {
		const operation = this.find(method, path)
		const media = operation?.requestBody?.content['application/json']
		if (media === undefined) return [`${method} ${path} documents no body`]
		return this.check(`${operation!.operationId}/body`, media.schema, body)
	}

	check(key: string, schema: JsonSchema, value: unknown): string[] {
		let validate = this.#known.get(key)
		if (validate === undefined) {
			// References are to the document, so schemas are compiled within it.
			const text = JSON.stringify(schema).replaceAll('"#/components/', '"openapi#/components/')
			validate = this.#ajv.compile(JSON.parse(text) as object)
			this.#known.set(key, validate)
		}
		if (validate(value)) return []
		return (validate.errors ?? []).map(
			({ instancePath, message }) => `${key}: ${instancePath} ${message ?? 'is wrong'}`,
		)
	}
}
