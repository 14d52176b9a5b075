import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { Agent, request, type Dispatcher } from 'undici'
import { temporaryFolder } from '../support/temporary.ts'
import { PATIENCE } from '../support/wait.ts'

const MAIN = fileURLToPath(new URL('../../lib/cli/main.js', import.meta.url))
const TOKEN = 'token-of-the-kill-test-0123456789'
/** What must have been tried, however slow the machine is. */
const [LEAST_KILLS, LEAST_ACKNOWLEDGED] = [3, 300]
/** In which more is tried; more still with `REMOTE_TERM_TEST_KILL_MS`. */
const DURATION = Number(process.env['REMOTE_TERM_TEST_KILL_MS'] ?? 12_000)

const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' }

interface Server {
	readonly child: ChildProcess
	readonly url: string
}

const start = async (t: ExecutionContext, config: string): Promise<Server> => {
	const child = spawn(process.execPath, [MAIN, 'serve', '--config', config], {
		env: { PATH: process.env['PATH'], REMOTE_TERM_GATEWAY_TOKEN: TOKEN },
		stdio: ['ignore', 'pipe', 'pipe'],
	})
	t.teardown(() => child.kill('SIGKILL'))
	let err = ''
	child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()))
	let out = ''
	return new Promise((resolve, reject) => {
		child.stdout.on('data', (chunk: Buffer) => {
			out += chunk.toString()
			const url = /^listening {2}(\S+)$/m.exec(out)?.[1]
			if (url !== undefined) resolve({ child, url })
		})
		child.once('exit', code => reject(new Error(`It ended with ${code}: ${err}`)))
	})
}

/** What is stored of a service: the number of its push, or nothing. */
type State = number | 'absent'

/** What whoever pushes a service knows of it: the last state that was acknowledged, and the one it has asked for. */
interface Known {
	readonly service: string
	acknowledged: State
	asked: State
	next: number
}

/** A push whose every item says which push it is of, and how many there are. */
const configOf = (service: string, n: number): string =>
	JSON.stringify({
		service,
		nodes: ['http://127.0.0.1:1'],
		configVersion: `1.0.${n}`,
		items: Array.from({ length: 1 + (n % 7) }, (_, index) => ({
			...{ requestType: `type_${index}`, service, nodes: 'local', target: `/push/${n}` },
			argTypes: Object.fromEntries(Array.from({ length: 20 }, (_each, at) => [`arg_${at}`, 'string'])),
			argOrders: [],
		})),
	})

/** Until the server is gone. */
const work = async (
	known: Known,
	url: string,
	dispatcher: Dispatcher,
	counts: { acknowledged: number; cut: number },
): Promise<void> => {
	for (;;) {
		const n = known.next++
		// Now and then it is deleted, which must be as whole and as lasting as a push.
		const deletes = n % 13 === 0 && known.acknowledged !== 'absent'
		known.asked = deletes ? 'absent' : n
		try {
			const { statusCode, body } = await request(`${url}/v1/services/${known.service}`, {
				...{ dispatcher, headers },
				...(deletes ? { method: 'DELETE' } : { method: 'PUT', body: configOf(known.service, n) }),
			})
			const text = await body.text()
			if (statusCode !== 200 && statusCode !== 201) throw new Error(`${statusCode}: ${text}`)
			known.acknowledged = known.asked
			counts.acknowledged++
		} catch (error) {
			if (error instanceof Error && /^\d{3}:/.test(error.message)) throw error
			counts.cut++
			return
		}
	}
}

const storedOf = async (t: ExecutionContext, url: string, service: string): Promise<State> => {
	const { statusCode, body } = await request(`${url}/v1/services/${service}`, { headers })
	const record = (await body.json()) as { configVersion: string; items: number }
	if (statusCode === 404) {
		const items = await request(`${url}/v1/services/${service}/items`, { headers })
		await items.body.dump()
		t.is(items.statusCode, 404)
		return 'absent'
	}
	const n = Number(record.configVersion.slice('1.0.'.length))
	const answer = await request(`${url}/v1/services/${service}/items`, { headers })
	const { items } = (await answer.body.json()) as {
		items: ReadonlyArray<{ item: { requestType: string; target: string; argTypes: object } }>
	}
	t.deepEqual(
		items.map(({ item }) => `${item.requestType} ${item.target} ${Object.keys(item.argTypes).length}`),
		Array.from({ length: 1 + (n % 7) }, (_, index) => `type_${index} /push/${n} 20`),
		`${service} ${record.configVersion} is not whole`,
	)
	return n
}

test('whatever a gateway that is killed has acknowledged is there, whole, and nothing is there by half', async t => {
	t.timeout(DURATION + 5 * PATIENCE)
	const folder = await temporaryFolder(t)
	const config = join(folder, 'gateway.json')
	await writeFile(config, JSON.stringify({ port: 0, data: join(folder, 'data'), rateLimit: false }))
	const services: readonly Known[] = Array.from({ length: 8 }, (_, index) => ({
		...{ service: `service_${index}`, acknowledged: 'absent', asked: 'absent', next: 1 },
	}))
	const counts = { acknowledged: 0, cut: 0 }
	let [kills, unacknowledged] = [0, 0]
	const end = performance.now() + DURATION
	while (performance.now() < end || kills < LEAST_KILLS || counts.acknowledged < LEAST_ACKNOWLEDGED) {
		const { child, url } = await start(t, config)
		for (const known of services) {
			const stored = await storedOf(t, url, known.service)
			const mayBe = [known.acknowledged, known.asked]
			if (!mayBe.includes(stored))
				t.fail(`${known.service} is ${stored}; acknowledged ${known.acknowledged}, asked ${known.asked}`)
			// What was not acknowledged may have come to pass, whole.
			if (stored !== known.acknowledged) unacknowledged++
			known.acknowledged = known.asked = stored
		}
		const dispatcher = new Agent({ connections: services.length })
		const exited = once(child, 'exit')
		let over = false
		const working = Promise.all(services.map(known => work(known, url, dispatcher, counts)))
		// Whatever went wrong is said where it is awaited, below.
		working.catch(() => undefined).finally(() => (over = true))
		// At a random time, but not before it has work under way.
		const goal = counts.acknowledged + 20 + Math.random() * 400
		while (counts.acknowledged < goal && !over)
			await new Promise(resolve => setTimeout(resolve, Math.random() * 5))
		child.kill('SIGKILL')
		const [, signal] = (await exited) as [number | null, string | null]
		t.is(signal, 'SIGKILL')
		kills++
		await working
		await dispatcher.destroy()
	}
	t.log(
		`${kills} kills, ${counts.acknowledged} acknowledged, ${counts.cut} cut off, of which ${unacknowledged} had come to pass`,
	)
	t.true(counts.cut >= kills)
})
