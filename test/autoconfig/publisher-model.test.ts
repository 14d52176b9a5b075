import { deepEqual, equal } from 'node:assert/strict'
import test from 'ava'
import fc from 'fast-check'
import { EventParser, type StreamEvent } from '../../lib/autoconfig/event-parser.ts'
import { AutoConfigPublisher } from '../../lib/autoconfig/publisher.ts'
import type { StreamView } from '../../lib/autoconfig/index.ts'
import { Ordering } from '../../lib/core/ordering.ts'
import { silentLogger } from '../../lib/core/logger.ts'
import { FakeClock } from '../../lib/testing/fake-clock.ts'
import { item, type Item } from './publisher-support.ts'

const RUNS = Number(process.env['REMOTE_TERM_MODEL_RUNS'] ?? 300)

const turn = (): Promise<void> => new Promise(resolve => void setImmediate(resolve))

/** A client as `StreamManager` is one: what it knows survives its connections, and versions decide. */
class Client {
	readonly #publisher: AutoConfigPublisher<Item>
	readonly #view: StreamView<Item>
	readonly #known = new Ordering<Item>()
	#lastEventId = ''
	#parser: EventParser | undefined
	#body: ReadableStreamDefaultReader<Uint8Array> | undefined
	#reading: Promise<void> | undefined

	constructor(publisher: AutoConfigPublisher<Item>, view: StreamView<Item>) {
		this.#publisher = publisher
		this.#view = view
	}

	get state(): Record<string, Item> {
		return Object.fromEntries([...this.#known.entries()].sort().map(([id, one]) => [id, one]))
	}

	connect(keepsId: boolean): void {
		this.leave()
		if (!keepsId) this.#lastEventId = ''
		const headers: Record<string, string> =
			this.#lastEventId === '' ? {} : { 'last-event-id': this.#lastEventId }
		const response = this.#publisher.handle(new Request('http://gateway/', { headers }), { view: this.#view })
		if (response.status !== 200) return
		this.#body = response.body!.getReader()
		this.#parser = new EventParser({
			maxEventBytes: 2 ** 20,
			lastEventId: this.#lastEventId,
			onEvent: event => this.#apply(event),
		})
	}

	/** Takes so many pieces, if there are. */
	async read(pieces: number): Promise<void> {
		for (let i = 0; i < pieces; i++) {
			if (this.#body === undefined) this.connect(true)
			this.#reading ??= this.#take()
			await turn()
		}
	}

	leave(): void {
		this.#body?.cancel().catch(() => {})
		this.#body = undefined
		this.#reading = undefined
	}

	async #take(): Promise<void> {
		const body = this.#body
		try {
			const answer = await body?.read()
			if (body !== this.#body) return
			this.#reading = undefined
			if (answer?.value !== undefined) {
				this.#parser?.feed(answer.value)
				this.#lastEventId = this.#parser?.lastEventId ?? ''
			}
			if (answer?.done !== false) this.leave()
		} catch {
			if (body === this.#body) this.leave()
		}
	}

	#apply({ type, data }: StreamEvent): void {
		if (type === 'reconnect') return
		const message = JSON.parse(data) as { path: string; version: number; data: unknown }
		const id = message.path.slice('/items/'.length)
		if (type === 'put') {
			const { items } = message.data as { items: Record<string, Item> }
			for (const [one, it] of Object.entries(items)) this.#known.restore(one, it, it.version)
			this.#known.retain(one => Object.hasOwn(items, one))
		} else if (!message.path.startsWith('/items/')) return
		else if (type === 'patch') this.#known.upsert(id, message.data as Item, (message.data as Item).version)
		else this.#known.delete(id, message.version)
	}
}

const ID = fc.constantFrom('a', 'b', 'c', 'd', 'e')
const CLIENT = fc.nat(2)
const step = fc.oneof(
	{ weight: 6, arbitrary: fc.record({ type: fc.constant('upsert' as const), id: ID, red: fc.boolean() }) },
	{ weight: 3, arbitrary: fc.record({ type: fc.constant('delete' as const), id: ID }) },
	{ weight: 1, arbitrary: fc.record({ type: fc.constant('stale' as const), id: ID }) },
	{ weight: 1, arbitrary: fc.record({ type: fc.constant('forget' as const), id: ID }) },
	{ weight: 1, arbitrary: fc.record({ type: fc.constant('resurrect' as const), id: ID }) },
	{ weight: 1, arbitrary: fc.record({ type: fc.constant('put' as const), ids: fc.uniqueArray(ID) }) },
	{ weight: 6, arbitrary: fc.record({ type: fc.constant('read' as const), who: CLIENT, pieces: fc.nat(5) }) },
	{ weight: 2, arbitrary: fc.record({ type: fc.constant('leave' as const), who: CLIENT }) },
	{
		weight: 2,
		arbitrary: fc.record({ type: fc.constant('connect' as const), who: CLIENT, keepsId: fc.boolean() }),
	},
	{
		weight: 1,
		arbitrary: fc.record({ type: fc.constant('time' as const), ms: fc.constantFrom(500, 2_000, 20_000) }),
	},
)

test('whatever changes, and whenever clients come, read and go: they end in the publisher’s state', async t => {
	const property = fc.asyncProperty(fc.array(step, { maxLength: 60 }), async steps => {
		const clock = new FakeClock()
		const publisher = new AutoConfigPublisher<Item>({
			...{ clock, random: () => 0.5, logger: silentLogger },
			// Small, so that all of them are met.
			...{
				maxLogEvents: 6,
				maxClientBytes: 200,
				heartbeatInterval: 1_000,
				stallTimeout: 5_000,
				lifetime: 30_000,
			},
		})
		const red = (one: Item): boolean => one.team === 'red'
		const views: Array<StreamView<Item>> = [{ key: 'all' }, { key: 'all' }, { key: 'red', includes: red }]
		const clients = views.map(view => new Client(publisher, view))
		const last = new Map<string, Item>()
		let version = 0
		const fresh = (id: string, isRed: boolean): Item => {
			const one = item(++version, `${id}${version}`, isRed ? 'red' : 'blue')
			last.set(id, one)
			return one
		}
		publisher.put([])
		for (const one of steps) {
			if (one.type === 'upsert') publisher.upsert(one.id, fresh(one.id, one.red), version)
			else if (one.type === 'delete') publisher.delete(one.id, ++version)
			else if (one.type === 'forget') publisher.forget([one.id])
			else if (one.type === 'stale') {
				const known = publisher.versionOf(one.id)
				if (known !== undefined) equal(publisher.upsert(one.id, item(known, 'stale'), known), 'ignored')
			} else if (one.type === 'resurrect') {
				const before = last.get(one.id)
				if (before !== undefined && !publisher.get(one.id)) publisher.restore(one.id, before, before.version)
			} else if (one.type === 'put')
				publisher.put(
					one.ids.map((id, i) => {
						const known = i % 2 === 0 ? publisher.get(id) : undefined
						const it = known ?? fresh(id, i % 3 === 0)
						return [id, it, it.version]
					}),
				)
			else if (one.type === 'time') await clock.advance(one.ms)
			else if (one.type === 'read') await clients[one.who]!.read(one.pieces)
			else if (one.type === 'leave') clients[one.who]!.leave()
			else clients[one.who]!.connect(one.keepsId)
		}
		const expected = (includes: (one: Item) => boolean): Record<string, Item> =>
			Object.fromEntries(
				[...publisher.entries()]
					.filter(([, one]) => includes(one))
					.sort()
					.map(([id, one]) => [id, one]),
			)
		for (const client of clients) await client.read(40)
		t.deepEqual(
			clients[0]!.state,
			expected(() => true),
		)
		t.deepEqual(
			clients[1]!.state,
			expected(() => true),
		)
		deepEqual(clients[2]!.state, expected(red))
		for (const client of clients) client.leave()
		await publisher.close()
		equal(clock.pendingTimers, 0)
	})
	await t.notThrowsAsync(fc.assert(property, { numRuns: RUNS }))
})
