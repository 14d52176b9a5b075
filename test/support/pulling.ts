import type { ExecutionContext } from 'ava'
import {
	ConfigPuller,
	ConfigReceiver,
	type ConfigPullerOptions,
	type FunConfig,
	type MemoryConfigDb,
	type PullEvents,
	type ServiceConfig,
} from '../../lib/config/index.ts'
import { silentLogger } from '../../lib/core/logger.ts'
import { FakeClock } from '../../lib/testing/fake-clock.ts'
import { openMemory } from './configs.ts'
import { serve } from './serve.ts'

export type Told = {
	[Name in keyof PullEvents]: PullEvents[Name] & { readonly event: Name }
}[keyof PullEvents]

export interface Pulling {
	readonly clock: FakeClock
	readonly db: MemoryConfigDb
	readonly receiver: ConfigReceiver<FunConfig>
	readonly puller: ConfigPuller
	/** All that was told so far, in order. */
	readonly told: readonly Told[]
	/** Resolves with the next event of this name, of this service. Ask before the act that causes it. */
	next<Name extends keyof PullEvents>(event: Name, service?: string): Promise<PullEvents[Name]>
}

/** A puller under a clock that stands still, with a receiver and a database of its own, stopped with the test. */
export const pulling = async (
	t: Pick<ExecutionContext, 'teardown'>,
	options: Partial<ConfigPullerOptions> = {},
): Promise<Pulling> => {
	const clock = new FakeClock()
	const db = await openMemory()
	const puller: ConfigPuller = new ConfigPuller({
		receiver: { receive: received => receiver.receive(received) },
		db,
		clock,
		random: () => 0.5,
		logger: false,
		...options,
	})
	const receiver = new ConfigReceiver<FunConfig>({
		db,
		pullPolicy: puller.policy.check,
		logger: silentLogger,
	})
	const told: Told[] = []
	for (const event of ['pull.start', 'pull.stop', 'pull.error'] as const)
		puller.on(event, payload => void told.push({ event, ...payload } as Told))
	t.teardown(async () => {
		await puller.stop()
		await receiver.close()
		await db.close()
	})
	return {
		clock,
		db,
		receiver,
		puller,
		told,
		next: (event, service) =>
			new Promise(resolve => {
				const off = puller.on(event, payload => {
					if (service !== undefined && payload.service !== service) return
					off()
					resolve(payload)
				})
			}),
	}
}

/** A service whose only node is the fetcher of this name. */
export const named = (service: string, more: Partial<ServiceConfig> = {}): ServiceConfig => ({
	service,
	nodes: ['source'],
	target: '/config.json',
	...more,
})

/** A document of as many functions as are named. */
export const document = (configVersion: string | undefined, ...requestTypes: readonly string[]): string => {
	const items = requestTypes.map(requestType => ({
		requestType,
		nodes: ['local'],
		target: `/${requestType}`,
	}))
	return JSON.stringify(configVersion === undefined ? items : { configVersion, items })
}

export interface Routes {
	readonly origin: string
	/** The paths that were asked for, in order. */
	readonly asked: string[]
	/** What is answered from now on: a body, a status, or whatever a handler does. */
	answer(path: string, answer: string | number | Parameters<typeof serve>[1]): void
	count(path: string): number
}

/** A real server with a few paths. */
export const routes = async (t: Pick<ExecutionContext, 'teardown'>): Promise<Routes> => {
	const answers = new Map<string, string | number | Parameters<typeof serve>[1]>()
	const asked: string[] = []
	const { url } = await serve(t, (request, response) => {
		const path = request.url ?? ''
		asked.push(path)
		const answer = answers.get(path.replace(/\?.*$/, '')) ?? 404
		if (typeof answer === 'function') answer(request, response)
		else if (typeof answer === 'number') response.writeHead(answer).end()
		else response.end(answer)
	})
	return {
		origin: url.origin,
		asked,
		answer: (path, answer) => void answers.set(path, answer),
		count: path => asked.filter(one => one.replace(/\?.*$/, '') === path).length,
	}
}
