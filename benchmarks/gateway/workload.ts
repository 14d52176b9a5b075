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

export interface Timing {
	readonly microsecondsPerPush: number
	/** The slowest of a hundred, in microseconds. */
	readonly p99: number
}

/** `pushes` pushes to `services` services, `lanes` of them under way at any time, one per service at most. */
export const time = async (
	sink: Sink,
	{
		pushes,
		services,
		lanes,
		version,
	}: { readonly pushes: number; readonly services: number; readonly lanes: number; readonly version: number },
): Promise<Timing> => {
	const taken: number[] = []
	let next = 0
	const lane = async (): Promise<void> => {
		while (next < pushes) {
			const index = next++
			const config = pushOf(index % services, version + Math.floor(index / services))
			const started = performance.now()
			await sink.push(config)
			taken.push(performance.now() - started)
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
