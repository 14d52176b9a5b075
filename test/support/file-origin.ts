import type { IncomingHttpHeaders } from 'node:http'
import { etagOf } from './origin.ts'
import { serve } from './serve.ts'
import type { Lifetime } from './lifetime.ts'

interface PublishedFile {
	readonly body: Uint8Array
	readonly headers: Readonly<Record<string, string>>
	/** Changes the bytes on their way, headers and all else being as they should. */
	readonly damage: ((body: Uint8Array) => Uint8Array) | undefined
}

export interface SeenFile {
	readonly path: string
	readonly status: number
	readonly headers: IncomingHttpHeaders
}

/** An HTTP origin with files, conditional by ETag. */
export interface FileOrigin {
	readonly url: URL
	readonly seen: SeenFile[]
	/** Every request is cut off. */
	down: boolean
	publish(
		path: string,
		body: Uint8Array | string,
		headers?: Readonly<Record<string, string>>,
		damage?: (body: Uint8Array) => Uint8Array,
	): void
	remove(path: string): void
	/** The statuses of the answers under this path, and begins to count anew. */
	answers(path: string): number[]
}

export const serveFiles = async (t: Lifetime): Promise<FileOrigin> => {
	const files = new Map<string, PublishedFile>()
	const seen: SeenFile[] = []
	const { url } = await serve(t, (request, response) => {
		if (origin.down) return void request.socket.destroy()
		const path = new URL(request.url!, url).pathname
		const { headers: asked } = request
		const file = files.get(path)
		const etag = file && (file.headers['etag'] ?? etagOf(file.body))
		const status = file === undefined ? 404 : asked['if-none-match'] === etag ? 304 : 200
		seen.push({ path, status, headers: asked })
		if (file === undefined) response.writeHead(404).end()
		else if (status === 304) response.writeHead(304, { etag, ...file.headers }).end()
		else response.writeHead(200, { etag, ...file.headers }).end(file.damage?.(file.body) ?? file.body)
	})
	const origin: FileOrigin = {
		url,
		seen,
		down: false,
		publish(path, body, headers = {}, damage) {
			files.set(path, { body: Buffer.from(body as string), headers, damage })
		},
		remove: path => void files.delete(path),
		answers(path) {
			const found = seen.filter(one => one.path === path).map(({ status }) => status)
			seen.length = 0
			return found
		},
	}
	return origin
}
