import { isAbsolute } from 'node:path'
import { describe } from '../../lib/core/options.ts'
import { parseNatsServers } from './nats-url.ts'
import { Refusal } from './refusal.ts'
import {
	parseBoolean,
	parseEndpoint,
	parseHttpUrl,
	parseSource,
	splitSources,
	type Source,
} from './source.ts'
import type { Kind } from './variables.ts'

/** What each kind of variable becomes. */
export interface Parsed {
	readonly sources: readonly Source[]
	readonly httpUrl: URL
	readonly endpoint: string
	readonly token: string
	readonly headers: Readonly<Record<string, string>>
	readonly milliseconds: number
	readonly count: number
	readonly boolean: boolean
	readonly buckets: ReadonlyArray<{ readonly bucket: string; readonly region: string }>
	readonly servers: readonly string[]
	readonly path: string
	readonly text: string
}

const wholeNumber = (least: number) => (text: string) => {
	const value = Number(text)
	if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= least) return value
	throw new Refusal(describe(text))
}

/** Each throws a Refusal. None quotes a text that may be a secret. */
export const parsers: { readonly [Name in Kind]: (text: string) => Parsed[Name] } = {
	sources: text => splitSources(text).map(parseSource),
	httpUrl: parseHttpUrl,
	endpoint: parseEndpoint,
	token(text) {
		if (/^[\x21-\x7e]+$/.test(text)) return text
		throw new Refusal('another character in it')
	},
	headers(text) {
		let headers: unknown
		try {
			headers = JSON.parse(text)
		} catch {
			// The parser's message quotes what it could not read, so it is no cause to keep.
			throw new Refusal('something that is no JSON')
		}
		if (typeof headers !== 'object' || headers === null || Array.isArray(headers))
			throw new Refusal('JSON of another kind')
		const wrong = Object.entries(headers).find(([, value]) => typeof value !== 'string')
		if (wrong !== undefined) throw new Refusal(`${JSON.stringify(wrong[0])} that is no string`)
		return headers as Record<string, string>
	},
	milliseconds: wholeNumber(1),
	count: wholeNumber(0),
	boolean(text) {
		try {
			return parseBoolean(text)
		} catch {
			throw new Refusal(describe(text))
		}
	},
	buckets: text =>
		text.split(',').map(entry => {
			const parts = entry.trim().split(':')
			const [bucket = '', region = ''] = parts
			if (parts.length === 2 && bucket !== '' && region !== '') return { bucket, region }
			throw new Refusal(describe(entry.trim()))
		}),
	servers: parseNatsServers,
	path(text) {
		if (isAbsolute(text) && !text.includes('\0')) return text
		throw new Refusal(describe(text))
	},
	text: text => text,
}
