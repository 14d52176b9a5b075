import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { startCommand, temporaryFolder } from '../support/command.ts'
import { item } from '../support/gateway.ts'
import { natsSerialTest, startNatsCluster } from '../support/nats-server.ts'
import { waitFor } from '../support/wait.ts'

const test = natsSerialTest()
const TOKEN = 'token-of-three-gateways-0123456789'
const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' }
/** Of each service, before and after each of the two kills. */
const PUSHES = Number(process.env['REMOTE_TERM_TEST_CLUSTER_PUSHES'] ?? 20)

interface Member {
	readonly url: string
	readonly kill: () => Promise<unknown>
}

const startGateway = async (t: ExecutionContext, servers: readonly string[]): Promise<Member> => {
	const env = { REMOTE_TERM_GATEWAY_TOKEN: TOKEN, REMOTE_TERM_GATEWAY_RATE_PER_SECOND: '100000' }
	const config = join(temporaryFolder(t), 'gateway.json')
	// What one node alone has would be gone with it.
	await writeFile(config, JSON.stringify({ port: 0, nats: { servers, replicas: 3 } }))
	const { child, ended, line } = startCommand(t, ['serve', '--config', config], { env })
	const url = (await line('listening')).split(/\s+/)[1]!
	return {
		url,
		kill: () => {
			child.kill('SIGKILL')
			return ended
		},
	}
}

/** What one service has been through: which of its pushes were acknowledged, and the last that was tried. */
interface Lane {
	readonly service: string
	acknowledged: number
	tried: number
	count: number
}

/** Each item says which push it is of, so that half a push would be seen. */
const configOf = (service: string, n: number): string =>
	JSON.stringify({
		...{ service, nodes: ['https://orders.example.com'], configVersion: `1.0.${n}` },
		items: Array.from({ length: 1 + (n % 5) }, (_, index) => ({
			...item(`type_${index}`, { target: `/push/${n}` }),
			service,
		})),
	})

/** One push, through one gateway after the other until one has acknowledged it. */
const pushNext = async (lane: Lane, members: readonly Member[], signal: AbortSignal): Promise<void> => {
	const n = ++lane.tried
	const body = configOf(lane.service, n)
	for (let turn = n; ; turn++) {
		signal.throwIfAborted()
		const { url } = members[turn % members.length]!
		const response = await fetch(`${url}/v1/services/${lane.service}`, {
			...{ method: 'PUT', headers, body, signal: AbortSignal.any([signal, AbortSignal.timeout(5_000)]) },
		}).catch(() => undefined)
		const text = await response?.text().catch(() => undefined)
		if (response?.ok === true && text !== undefined) {
			const { status, previousVersion } = JSON.parse(text) as { status: string; previousVersion?: string }
			const before = n === 1 ? undefined : `1.0.${n - 1}`
			if (status === 'accepted' && previousVersion !== before)
				throw new Error(
					`${lane.service}: ${before} was acknowledged, and ${previousVersion} was there before ${n}`,
				)
			lane.acknowledged = n
			lane.count++
			return
		}
		// Busy, or cut off from the majority for a moment: nobody is told anything wrong, and it is tried elsewhere.
		if (response !== undefined && ![409, 503].includes(response.status))
			throw new Error(`${response.status}: ${text}`)
	}
}

const truthOf = async ({ url }: Member): Promise<Readonly<Record<string, string>>> => {
	const get = async (path: string): Promise<unknown> => (await fetch(`${url}${path}`, { headers })).json()
	const { services } = (await get('/v1/services')) as {
		services: Record<string, { configVersion: string; revision: number }>
	}
	const truth: Record<string, string> = {}
	for (const [service, { configVersion, revision }] of Object.entries(services)) {
		const { items } = (await get(`/v1/services/${service}/items`)) as {
			items: ReadonlyArray<{ item: { requestType: string; target: string } }>
		}
		const shown = items.map(({ item: one }) => `${one.requestType} ${one.target}`)
		truth[service] = `${configVersion} at ${revision}: ${shown.sort().join(', ')}`
	}
	return truth
}

test('three gateways on three NATS nodes lose nothing when one of each is killed under load', async t => {
	t.timeout(120_000)
	const nodes = await startNatsCluster(t)
	const addresses = nodes.map(({ address }) => address)
	const members = await Promise.all(nodes.map(() => startGateway(t, addresses)))
	const lanes: readonly Lane[] = Array.from({ length: 6 }, (_, index) => ({
		...{ service: `service_${index}`, acknowledged: 0, tried: 0, count: 0 },
	}))
	const alive = [...members]
	const stop = new AbortController()
	t.teardown(() => stop.abort())
	const limit = AbortSignal.any([stop.signal, AbortSignal.timeout(60_000)])
	let isOver = false
	const working = Promise.all(
		lanes.map(async lane => {
			while (!isOver) await pushNext(lane, alive, limit)
		}),
	)
	working.catch(() => {})
	/** Until every lane has had so many more pushes acknowledged, so that each has been through what happened before. */
	const more = async (pushes: number): Promise<void> => {
		const goals = lanes.map(({ count }) => count + pushes)
		await Promise.race([
			working,
			waitFor(
				() => lanes.every(({ count }, index) => count >= goals[index]!),
				() => `Acknowledged: ${lanes.map(({ count }) => count).join(', ')}`,
				60_000,
			),
		])
	}
	await more(PUSHES)
	await nodes[0]!.kill()
	await more(PUSHES)
	await members[1]!.kill()
	await more(PUSHES)
	isOver = true
	await working
	const survivors = [members[0]!, members[2]!]
	// A push that a killed gateway had not answered was pushed again by its service, so the last one tried is the truth.
	for (const { acknowledged, tried } of lanes) t.is(acknowledged, tried)
	const expected = (lane: Lane): string =>
		Array.from(
			{ length: 1 + (lane.acknowledged % 5) },
			(_, index) => `type_${index} /push/${lane.acknowledged}`,
		).join(', ')
	const isThere = async (member: Member): Promise<boolean> => {
		const truth = await truthOf(member)
		return lanes.every(lane => {
			const found = truth[lane.service] ?? ''
			return found.startsWith(`1.0.${lane.acknowledged} at `) && found.endsWith(`: ${expected(lane)}`)
		})
	}
	for (const member of survivors)
		await waitFor(
			() => isThere(member),
			() => `${member.url} has not caught up`,
		)
	const [one, other] = await Promise.all(survivors.map(truthOf))
	t.deepEqual(one, other)
	// One that comes now, and a node that comes back, have the same.
	await nodes[0]!.start()
	const late = await startGateway(t, addresses)
	await waitFor(() => isThere(late))
	t.deepEqual(await truthOf(late), one!)
	t.log(`${lanes.reduce((sum, { count }) => sum + count, 0)} pushes acknowledged`)
})
