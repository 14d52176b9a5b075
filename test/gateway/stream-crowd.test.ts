import { Agent, get, type IncomingMessage } from 'node:http'
import test from 'ava'
import { fact } from '../autoconfig/support.ts'
import { item, push, startGateway, TOKENS } from '../support/gateway.ts'

const CLIENTS = 1_000

/** What a client remembers: little, since there are many. */
interface Client {
	/** The end of what has come. */
	tail: string
	puts: number
	patches: number
	hasEnded: boolean
}

const listen = (client: Client, response: IncomingMessage): void => {
	response.setEncoding('utf8')
	response.on('data', (chunk: string) => {
		const text = client.tail + chunk
		const end = text.lastIndexOf('\n\n') + 1
		const events = text.slice(0, end)
		client.puts += events.split('event: put\n').length - 1
		client.patches += events.split('event: patch\n').length - 1
		client.tail = text.slice(end)
	})
	response.on('end', () => (client.hasEnded = true))
	response.on('error', () => {})
}

test('one gateway serves a thousand clients: each gets the put, and every change', async t => {
	const { ask, url, gateway } = await startGateway(t, {
		limits: { maxConnections: 2 * CLIENTS },
		stream: { maxClients: CLIENTS },
	})
	const change = async (n: number): Promise<void> => {
		const { status } = await ask('/v1/services/users', {
			method: 'PUT',
			json: push(`1.0.${n}`, [item('get_user', { target: `/${n}` }), item('list')]),
		})
		t.true(status === 200 || status === 201)
	}
	await change(0)
	const agent = new Agent({ maxSockets: Infinity })
	t.teardown(() => agent.destroy())
	const clients = await Promise.all(
		Array.from({ length: CLIENTS }, () => {
			const client: Client = { tail: '', puts: 0, patches: 0, hasEnded: false }
			return new Promise<Client>((resolve, reject) => {
				const request = get(
					`${url}/relay_auto_config`,
					{ agent, headers: { authorization: TOKENS.read } },
					response => {
						if (response.statusCode !== 200) reject(new Error(`status ${response.statusCode}`))
						listen(client, response)
						resolve(client)
					},
				)
				request.on('error', reject)
			})
		}),
	)
	await fact('each has the put', () => clients.every(({ puts }) => puts === 1))
	t.is((await fetch(`${url}/relay_auto_config`, { headers: { authorization: TOKENS.read } })).status, 503)
	for (let n = 1; n <= 5; n++) await change(n)
	await fact('each has all five', () => clients.every(({ patches }) => patches === 5))
	t.true(clients.every(({ tail, puts }) => tail === '\n' && puts === 1))
	const { stream } = (await ask('/v1/status')).body as unknown as { stream: { clients: number } }
	t.is(stream.clients, CLIENTS)
	await gateway.close()
	await fact('each was ended', () => clients.every(({ hasEnded }) => hasEnded))
})
