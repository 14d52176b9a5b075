/**
 * What one would write by hand: node:http, `JSON.parse`, and the transaction in LMDB with the settings that the gateway has.
 * No tokens, no checks, no limits. In a process of its own; its first line on stdout is its URL.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { open } from 'lmdb'
import type { PushConfig } from 'remote-term/config'

const [path = ''] = process.argv.slice(2)
const db = open<Buffer, string[]>({
	...{ path, noSubdir: true, encoding: 'binary', cache: false, overlappingSync: false },
})
/** The keys of the items that each service has, to remove what vanishes. */
const stored = new Map<string, ReadonlySet<string>>()

const store = async ({ service, items, ...rest }: PushConfig): Promise<void> => {
	const before = stored.get(service)
	const now = new Set(items.map(({ requestType, version = '0.0.0' }) => `${requestType} ${version}`))
	await db.transaction(() => {
		void db.put(['service', service], Buffer.from(JSON.stringify(rest)))
		for (const item of items)
			void db.put(
				['item', service, item.requestType, item.version ?? '0.0.0'],
				Buffer.from(JSON.stringify(item)),
			)
		for (const key of before ?? []) if (!now.has(key)) void db.remove(['item', service, ...key.split(' ')])
	})
	stored.set(service, now)
}

const server = createServer((request, response) => {
	const chunks: Buffer[] = []
	request.on('data', (chunk: Buffer) => chunks.push(chunk))
	request.on('end', () => {
		const config = JSON.parse(Buffer.concat(chunks).toString()) as PushConfig
		void store(config).then(() =>
			response.setHeader('content-type', 'application/json').end('{"status":"accepted"}'),
		)
	})
}).listen(0, '127.0.0.1')
await once(server, 'listening')
console.log(`listening  http://127.0.0.1:${(server.address() as AddressInfo).port}`)
