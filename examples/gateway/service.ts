// A gateway and a service that uses it, in one process for once: node dist/examples/gateway/service.js
import { ConfigPusher, MemoryConfigDb } from '../../lib/config/index.ts'
import { createGateway } from '../../lib/gateway/index.ts'

const token = 'example-token-of-users-0123456789'
const gateway = createGateway({
	db: new MemoryConfigDb(),
	tokens: [{ name: 'users', scopes: ['push', 'read'], services: ['users'], token }],
	audit: ({ who, action, service, outcome, configVersion }) =>
		console.log(`audit: ${who} ${action} ${service} ${configVersion}: ${outcome}`),
})
const { url } = await gateway.listen({ port: 0 })
console.log(`gateway: ${url}`)

// What a service does when it starts, whether its gateway is there yet or not.
const pusher = new ConfigPusher({ url, token })
const announcement = pusher.pushOnStartup({
	service: 'users',
	configVersion: '1.4.0',
	nodes: ['https://users.example.com'],
	items: ['1.0.0', '2.0.0'].map(version => ({
		...{ service: 'users', requestType: 'get_user', version, nodes: 'local', target: '/rpc/get_user' },
	})),
})
await announcement.accepted

// What whoever routes calls does: a read from memory.
const latest = gateway.db.getLatest('users', 'get_user')
console.log(`latest: ${latest.status === 'found' ? latest.item.version : latest.status}`)

await pusher.close()
await gateway.close()
