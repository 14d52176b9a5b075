import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { fact } from '../autoconfig/support.ts'
import { item, push } from '../support/gateway.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { contentsOf, followGateway } from './stream-client.ts'

const MAIN = fileURLToPath(new URL('../../lib/cli/main.js', import.meta.url))
const TOKEN = 'token-of-the-chain-test-0123456789'

interface Member {
	readonly child: ChildProcess
	readonly url: string
}

const start = async (t: ExecutionContext, folder: string, config: object): Promise<Member> => {
	const file = join(folder, 'gateway.json')
	await writeFile(file, JSON.stringify({ memory: true, ...config }))
	const child = spawn(process.execPath, [MAIN, 'serve', '--config', file], {
		env: { PATH: process.env['PATH'], REMOTE_TERM_GATEWAY_TOKEN: TOKEN },
		stdio: ['ignore', 'pipe', 'pipe'],
	})
	t.teardown(() => child.kill('SIGKILL'))
	let err = ''
	let out = ''
	child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()))
	return new Promise((resolve, reject) => {
		child.stdout.on('data', (chunk: Buffer) => {
			out += chunk.toString()
			const url = /^listening {2}(\S+)$/m.exec(out)?.[1]
			if (url !== undefined) resolve({ child, url })
		})
		child.once('exit', code => reject(new Error(`It ended with ${code}: ${err}`)))
	})
}

test('three gateways in a chain agree, also after the middle one was killed and has come back', async t => {
	const [first, second, third] = await Promise.all([1, 2, 3].map(() => temporaryFolder(t)))
	const head = await start(t, first!, { port: 0 })
	const change = async (service: string, version: string, items: readonly object[]): Promise<void> => {
		const response = await fetch(`${head.url}/v1/services/${service}`, {
			method: 'PUT',
			headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
			body: JSON.stringify({
				...push(version),
				items: items.map(one => ({ ...one, service })),
			}),
		})
		t.true(response.ok, await response.text())
	}
	await change('users', '1.0.0', [item('get_user'), item('list')])
	await change('orders', '1.0.0', [item('get_order')])

	const upstream = (url: string, folder: string): object => ({
		stream: { upstream: { url, token: TOKEN, lastGood: join(folder, 'last-good') } },
	})
	const middle = await start(t, second!, { port: 0, ...upstream(head.url, second!) })
	const tail = await start(t, third!, { port: 0, ...upstream(middle.url, third!) })
	const reference = followGateway(t, head.url, TOKEN)
	const client = followGateway(t, tail.url, TOKEN)
	await Promise.all([reference.start(), client.start()])
	t.is(client.size, 3)
	t.deepEqual(contentsOf(client), contentsOf(reference))

	await change('users', '1.1.0', [item('get_user', { target: '/two' })])
	await fact('a change and a removal came through', () => {
		const [ours, theirs] = [contentsOf(client), contentsOf(reference)]
		return client.size === 2 && JSON.stringify(ours) === JSON.stringify(theirs)
	})

	middle.child.kill('SIGKILL')
	await once(middle.child, 'exit')
	await change('users', '1.2.0', [item('get_user', { target: '/three' }), item('later')])
	await change('orders', '1.1.0', [item('another')])
	t.is(client.size, 2, 'what was known is in force meanwhile')

	const { port } = new URL(middle.url)
	await start(t, second!, { port: Number(port), ...upstream(head.url, second!) })
	await fact(
		'everything came through',
		() => client.get('orders:another@0.0.0') !== undefined && client.size === 3,
	)
	await fact('all are as one', () =>
		[...reference.entries()].every(([id, , version]) => client.versionOf(id) === version),
	)
	t.deepEqual(contentsOf(client), contentsOf(reference), 'versions included')
	t.is(client.get('orders:get_order@0.0.0'), undefined)
	await change('orders', '1.2.0', [item('last')])
	await fact('and it goes on', () => client.get('orders:last@0.0.0') !== undefined)
})
