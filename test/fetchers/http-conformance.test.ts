import type { IncomingMessage } from 'node:http'
import test from 'ava'
import { HttpFetcher } from '../../fetchers/http.ts'
import { conforms } from '../support/conformance.ts'
import { Span } from '../support/lifetime.ts'
import { etagOf } from '../support/origin.ts'
import { serve } from '../support/serve.ts'

interface Validator {
	/** The header that comes with the nth publication. */
	readonly header?: (content: Uint8Array, nth: number) => readonly [name: string, value: string]
	/** What a server does with a conditional request. */
	readonly matches: (request: IncomingMessage, current: string) => boolean
}

const validators: Readonly<Record<string, Validator>> = {
	'an ETag': {
		header: content => ['etag', etagOf(content)],
		matches: ({ headers }, current) => headers['if-none-match'] === current,
	},
	'a weak ETag': {
		header: content => ['etag', `W/${etagOf(content)}`],
		matches: ({ headers }, current) => headers['if-none-match'] === current,
	},
	'Last-Modified': {
		header: (_content, nth) => ['last-modified', new Date(Date.UTC(2026, 0, 1) + nth * 1000).toUTCString()],
		matches: ({ headers }, current) => Date.parse(headers['if-modified-since'] ?? '') >= Date.parse(current),
	},
	'no validator': { matches: () => false },
}

const harness = (validator: Validator, client: { fetch?: typeof fetch }) => async (first: Uint8Array) => {
	const span = new Span()
	let content: Uint8Array | undefined = first
	let publications = 0
	let openBodies = 0
	const beside = new Map<string, Uint8Array>()
	const { url } = await serve(span, (request, response) => {
		openBodies++
		response.on('close', () => openBodies--)
		const { pathname } = new URL(request.url!, 'http://origin')
		if (pathname !== '/term.json') {
			const found = beside.get(pathname)
			response.writeHead(found === undefined ? 404 : 200).end(found)
			return
		}
		if (content === undefined) {
			response.writeHead(404).end()
			return
		}
		const header = validator.header?.(content, publications)
		if (header !== undefined) response.setHeader(...header)
		if (header !== undefined && validator.matches(request, header[1])) response.writeHead(304).end()
		else
			response
				.writeHead(200, { 'content-length': content.length })
				.end(request.method === 'HEAD' ? undefined : content)
	})
	return {
		fetcher: new HttpFetcher({ url: new URL('/term.json?v=1', url), ...client }),
		async publish(next: Uint8Array) {
			content = next
			publications++
		},
		publishBeside: async (suffix: string, bytes: Uint8Array) => void beside.set(`/term.json${suffix}`, bytes),
		async unpublish() {
			content = undefined
		},
		openBodies: () => openBodies,
		dispose: async () => span.end(),
	}
}

for (const [client, options] of [
	['undici', {}],
	['fetch', { fetch }],
] as const) {
	for (const [name, validator] of Object.entries(validators)) {
		conforms(test.serial, `${client}, with ${name}`, {
			create: harness(validator, options),
			capabilities: { versions: validator.header === undefined ? 'none' : 'content', beside: true },
		})
	}
}
