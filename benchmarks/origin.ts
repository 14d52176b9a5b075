/** The other side of the HTTP benchmarks, in a process of its own so that its CPU is not counted. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { largeDocument } from './documents.ts'

const text = JSON.stringify(largeDocument(30_000_000))
const changing = [gzipSync(text), gzipSync(`${text} `)]
let turn = 0

const server = createServer((request, response) => {
	if (request.url === '/changing') {
		const body = changing[++turn % 2]!
		response
			.writeHead(200, { etag: `"${turn}"`, 'content-length': body.length, 'cache-control': 'max-age=60' })
			.end(body)
		return
	}
	const headers = { etag: '"one"', 'cache-control': 'max-age=60' }
	if (request.headers['if-none-match'] === '"one"') response.writeHead(304, headers).end()
	else response.writeHead(200, headers).end('{"small":true}')
})
process.on('disconnect', () => process.exit())
server.listen(0, '127.0.0.1', () =>
	process.send?.({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }),
)
