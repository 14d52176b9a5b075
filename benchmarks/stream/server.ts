/** Streams a configuration of so many environments to whoever connects, in a process of its own: `fork`ed, told by messages. */
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { patchMessage, putMessage, type EnvRep, type WireMessage } from 'remote-term/autoconfig'

export interface Order {
	/** So many patches, each of another environment than the one before. */
	readonly patches: number
}

const [count = 10] = process.argv.slice(2).map(Number)

/** Some 300 bytes of JSON, as LaunchDarkly's have. */
const rep = (i: number, version: number): EnvRep => ({
	envID: `5f3c${String(i).padStart(20, '0')}`,
	envKey: `environment-${i}`,
	envName: `Environment number ${i}`,
	mobKey: `mob-00000000-0000-4000-8000-${String(i).padStart(12, '0')}`,
	projKey: `project-${i % 100}`,
	projName: `Project number ${i % 100}`,
	sdkKey: { value: `sdk-00000000-0000-4000-8000-${String(i).padStart(12, '0')}` },
	defaultTtl: 5,
	secureMode: i % 2 === 0,
	version,
})

const line = ({ event, data }: WireMessage): string => `event: ${event}\ndata: ${data}\n\n`

const environments: Record<string, EnvRep> = {}
for (let i = 0; i < count; i++) environments[rep(i, 1).envID] = rep(i, 1)
const put = Buffer.from(line(putMessage({ environments })))

let stream: ServerResponse | undefined
const server = createServer((_request, response) => {
	stream = response
	response.writeHead(200, { 'content-type': 'text/event-stream' })
	response.write(put)
}).listen(0, '127.0.0.1')
await once(server, 'listening')

let version = 1
process.on('message', ({ patches }: Order) => {
	let text = ''
	for (let i = 0; i < patches; i++) {
		if (i % count === 0) version++
		const changed = rep((i * 7919) % count, version)
		text += line(patchMessage('environments', changed.envID, changed))
	}
	stream?.write(text)
})
process.on('disconnect', () => process.exit())
process.send!({ port: (server.address() as AddressInfo).port, bytes: put.length })
