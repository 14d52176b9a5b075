import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
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

interface Door {
	readonly url: string
	/** To where it leads from now on. */
	leadTo(url: string): void
	/** Whoever comes waits until it leads somewhere again. */
	shut(): void
}

/** An address that stays while the server behind it is replaced, so that nobody has to hit upon the right moment. */
const openDoor = async (t: ExecutionContext, url: string): Promise<Door> => {
	let leadTo = (_url: string): void => {}
	let behind = Promise.resolve(url)
	const sockets = new Set<Socket>()
	const hold = (socket: Socket): Socket => {
		sockets.add(socket)
		return socket.on('error', () => {}).once('close', () => sockets.delete(socket))
	}
	const server = createServer(socket => {
		hold(socket)
		void behind.then(url => {
			const { port, hostname } = new URL(url)
			const through = hold(connect(Number(port), hostname))
			socket.pipe(through).pipe(socket)
			socket.once('close', () => through.destroy())
			through.once('close', () => socket.destroy())
		})
	}).listen(0, '127.0.0.1')
	await once(server, 'listening')
	t.teardown(() => {
		server.close()
		for (const socket of sockets) socket.destroy()
	})
	return {
		url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
		leadTo: url => leadTo(url),
		shut() {
			behind = new Promise(resolve => (leadTo = resolve))
		},
	}
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
		stream: {
			upstream: { url, token: TOKEN, lastGood: join(folder, 'last-good'), lastGoodKey: 'a1'.repeat(32) },
		},
	})
	const middle = await start(t, second!, { port: 0, ...upstream(head.url, second!) })
	const door = await openDoor(t, middle.url)
	const tail = await start(t, third!, { port: 0, ...upstream(door.url, third!) })
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

	door.shut()
	middle.child.kill('SIGKILL')
	await once(middle.child, 'exit')
	const kept = await readdir(join(second!, 'last-good'), { recursive: true, withFileTypes: true })
	const files = kept.filter(entry => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name))
	t.true(files.length > 0)
	for (const file of files) t.false((await readFile(file)).includes('get_user'), 'it is encrypted')
	await change('users', '1.2.0', [item('get_user', { target: '/three' }), item('later')])
	await change('orders', '1.1.0', [item('another')])
	t.is(client.size, 2, 'what was known is in force meanwhile')

	door.leadTo((await start(t, second!, { port: 0, ...upstream(head.url, second!) })).url)
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
