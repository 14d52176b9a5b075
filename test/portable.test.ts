import { fileURLToPath } from 'node:url'
import { createContext, Script } from 'node:vm'
import { gzipSync } from 'node:zlib'
import test from 'ava'
import { build } from 'esbuild'
import { importsOf } from './support/imports.ts'
import { serve } from './support/serve.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const rates = { EUR: 1, USD: 1.09, note: 'a value that must come out as it went in: € 𝄞' }

/** One program, bundled as for a browser: `node:` modules cannot be resolved, and stay as imports if there are any. */
const bundle = async (program: string): Promise<string> => {
	const { outputFiles } = await build({
		stdin: { contents: program, resolveDir: root, sourcefile: 'program.js' },
		bundle: true,
		write: false,
		format: 'esm',
		platform: 'neutral',
		target: 'es2022',
		conditions: ['browser'],
		mainFields: ['browser', 'module', 'main'],
		external: ['node:*'],
		logLevel: 'silent',
	})
	return outputFiles[0]!.text
}

/**
 * What the web has and JavaScript has not, and nothing else. `Uint8Array` and its like come along, so that bytes made
 * by the platform are the program's own kind of bytes, as they are in a browser; and timers are numbers, as there.
 */
const web = (): Record<string, unknown> => {
	const { AbortController, AbortSignal, Blob, DOMException, Event, EventTarget, Headers } = globalThis
	const { ReadableStream, TransformStream, WritableStream, DecompressionStream } = globalThis
	const { Request, Response, TextDecoder, TextEncoder, URL, URLSearchParams } = globalThis
	const { ArrayBuffer, DataView, Uint8Array } = globalThis
	const { atob, btoa, clearTimeout, crypto, fetch, performance, queueMicrotask, structuredClone } = globalThis
	return {
		...{ AbortController, AbortSignal, Blob, DOMException, Event, EventTarget, Headers },
		...{ ReadableStream, TransformStream, WritableStream, DecompressionStream },
		...{ Request, Response, TextDecoder, TextEncoder, URL, URLSearchParams },
		...{ ArrayBuffer, DataView, Uint8Array },
		...{ atob, btoa, clearTimeout, crypto, fetch, performance, queueMicrotask, structuredClone },
		console: { debug() {}, info() {}, log() {}, warn() {}, error() {} },
		setTimeout: (fire: () => void, delay?: number): number => Number(setTimeout(fire, delay)),
	}
}

/** Runs `program`, which leaves its promise in `globalThis.result`, with nothing but the web's globals and `input`. */
const run = async (code: string, input: unknown): Promise<unknown> => {
	const context = createContext({ ...web(), input })
	new Script(`'use strict';${code}`, { filename: 'bundle.js' }).runInContext(context)
	return JSON.parse((await (context as { result?: unknown }).result) as string)
}

const withStatic = `
	import { createTerm, json } from 'remote-term'
	import { StaticFetcher } from 'remote-term/fetchers/static'
	const main = async () => {
		const term = createTerm({ name: 'rates', fetcher: new StaticFetcher({ body: input }), deserialize: json })
		await term.start()
		const value = term.get()
		const { status } = await term.update()
		await term.stop()
		return JSON.stringify({ value, status })
	}
	globalThis.result = main()
`

const withHttp = `
	import { createTerm, json } from 'remote-term'
	import { HttpFetcher } from 'remote-term/fetchers/http'
	const main = async () => {
		const term = createTerm({ name: 'rates', fetcher: new HttpFetcher({ url: input }), deserialize: json })
		await term.start()
		const value = term.get()
		const { status } = await term.update()
		await term.stop()
		return JSON.stringify({ value, status })
	}
	globalThis.result = main()
`

test('a bundle for browsers imports nothing that only Node has', async t => {
	for (const program of [withStatic, withHttp]) {
		const code = await bundle(program)
		t.true(code.includes('RemoteTermError'))
		t.deepEqual(importsOf('bundle.js', code), [])
	}
})

test('the bundler would show an import of Node’s', async t => {
	const code = await bundle(`import { gunzipSync } from 'node:zlib'; console.log(gunzipSync)`)
	t.deepEqual(
		importsOf('bundle.js', code).map(({ specifier }) => specifier),
		['node:zlib'],
	)
})

test('a term with a gzipped static source runs where there is no Node', async t => {
	const body = new Uint8Array(gzipSync(JSON.stringify(rates)))
	t.deepEqual(await run(await bundle(withStatic), body), { value: rates, status: 'unchanged' })
})

test('a term with an HTTP source runs where there is no Node', async t => {
	const { url } = await serve(t, (request, response) => {
		if (request.headers['if-none-match'] === '"1"') response.writeHead(304, { etag: '"1"' }).end()
		else {
			response.writeHead(200, { 'content-type': 'application/json', etag: '"1"' })
			response.end(gzipSync(JSON.stringify(rates)))
		}
	})
	t.deepEqual(await run(await bundle(withHttp), url.href), { value: rates, status: 'unchanged' })
})
