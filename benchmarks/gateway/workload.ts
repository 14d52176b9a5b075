import type { PushConfig, PushedFunConfig } from 'remote-term/config'

/** Items in each push. All but one differ from those of the version before. */
const ITEMS = 5

export const serviceName = (index: number): string => `service-${index}`
export const requestType = (index: number): string => `request-${index}`

const item = (index: number, version: number): PushedFunConfig => ({
	requestType: requestType(index),
	nodes: ['https://10.0.0.1:4000', 'https://10.0.0.2:4000'],
	target: `/v${index === 0 ? 1 : version}/request-${index}`,
	version: '1.0.0',
	argTypes: { userId: 'uuid', note: ['string', 255], tags: { type: 'listString', maxItems: 10 } },
	argOrders: ['userId', 'note', 'tags'],
	checkPermission: { role: ['admin', 'editor'] },
	retry: { sameNode: 2 },
})

export const pushOf = (service: number, version: number, items = ITEMS): PushConfig => ({
	service: serviceName(service),
	nodes: ['https://10.0.0.1:4000'],
	configVersion: `${version}.0.0`,
	items: Array.from({ length: items }, (_, index) => item(index, version)),
})

/** Where pushes go. Resolves when they are durable. */
export interface Sink {
	push(config: PushConfig): Promise<unknown>
	close(): Promise<void>
}

/** Those that need no server. */
export type LocalName = 'lmdb' | 'log' | 'sqlite'

/** `pushes` pushes to `services` services, `lanes` of them under way at any time, one per service at most. */
export interface Workload {
	readonly pushes: number
	readonly services: number
	readonly lanes: number
	readonly version: number
}

/** Services that are stored before anything is measured. */
export interface Filling {
	readonly from: number
	readonly to: number
	readonly items: number
}

/** What is measured, wherever it runs. */
export interface Contender {
	time(workload: Workload): Promise<Timing>
	fill(filling: Filling): Promise<void>
	close(): Promise<void>
}

/** What a contender in a process of its own is told. */
export type ContenderCall =
	| { readonly do: 'time'; readonly workload: Workload }
	| { readonly do: 'fill'; readonly filling: Filling }
	| { readonly do: 'close' }

export interface Timing {
	readonly microsecondsPerPush: number
	/** The slowest of a hundred, in microseconds. */
	readonly p99: number
}

export const contenderOf = (sink: Sink): Contender => ({
	time: workload => time(sink, workload),
	fill: filling => fill(sink, filling),
	close: () => sink.close(),
})

export const fill = async (sink: Sink, { from, to, items }: Filling): Promise<void> => {
	const all = Array.from({ length: to - from }, (_, index) => index + from).map(service =>
		sink.push(pushOf(service, 1, items)),
	)
	await Promise.all(all)
}

const time = async (sink: Sink, { pushes, services, lanes, version }: Workload): Promise<Timing> => {
	const taken: number[] = []
	const turns = new Map<number, Promise<void>>()
	let next = 0
	const lane = async (): Promise<void> => {
		while (next < pushes) {
			const index = next++
			const service = index % services
			const config = pushOf(service, version + Math.floor(index / services))
			const before = turns.get(service) ?? Promise.resolve()
			// One that is late must not be overtaken: what is lower than what is stored is refused.
			const turn = before.then(async () => {
				const started = performance.now()
				await sink.push(config)
				taken.push(performance.now() - started)
			})
			turns.set(service, turn)
			await turn
		}
	}
	const started = performance.now()
	await Promise.all(Array.from({ length: lanes }, lane))
	const elapsed = performance.now() - started
	taken.sort((a, b) => a - b)
	return {
		microsecondsPerPush: (elapsed / pushes) * 1_000,
		p99: (taken[Math.floor(taken.length * 0.99)] ?? 0) * 1_000,
	}
}
