import { deepEqual, ok } from 'node:assert/strict'
import test from 'ava'
import fc from 'fast-check'
import type { Dispatcher } from 'undici'
import type { StreamView } from '../../lib/autoconfig/index.ts'
import { AutoConfigPublisher } from '../../lib/autoconfig/publisher.ts'
import { relayedItems, type RelayedItem } from '../../lib/autoconfig/relay.ts'
import { StreamManager } from '../../lib/autoconfig/stream-manager.ts'
import { silentLogger } from '../../lib/core/logger.ts'
import { FakeClock } from '../../lib/testing/fake-clock.ts'

const RUNS = Number(process.env['REMOTE_TERM_MODEL_RUNS'] ?? 100)

type Team = 'red' | 'blue'
interface Item extends RelayedItem {
	readonly version: number
	readonly team: Team
}

const turn = (): Promise<void> => new Promise(resolve => void setImmediate(resolve))

const includes = (key: 'all' | Team, { team }: RelayedItem): boolean => key === 'all' || team === key

/** One who serves, and whoever takes its place after a restart: with the same contents, and without its memory. */
class Server {
	readonly clock = new FakeClock()
	publisher = this.#start([])
	/** How clients have been received, by all who have served. */
	readonly connected = { put: 0, resumed: 0 }
	/** Ids that each kind of client has had a right to hear of. */
	readonly everSeen: Readonly<Record<'all' | Team, Set<string>>> = {
		all: new Set(),
		red: new Set(),
		blue: new Set(),
	}

	async restart(): Promise<void> {
		const before = [...this.publisher.entries()]
		await this.close()
		this.publisher = this.#start(before)
	}

	async close(): Promise<void> {
		const { put, resumed } = this.publisher.status().connected
		this.connected.put += put
		this.connected.resumed += resumed
		await this.publisher.close()
	}

	#start(entries: ReadonlyArray<readonly [string, Item, number]>): AutoConfigPublisher<Item> {
		const publisher = new AutoConfigPublisher<Item>({
			...{ clock: this.clock, random: () => 0.5, logger: silentLogger },
			// Small, so that all of them are met.
			...{ maxLogEvents: 6, maxClientBytes: 300, heartbeatInterval: 1_000, stallTimeout: 5_000 },
			lifetime: 30_000,
		})
		publisher.put(entries)
		return publisher
	}
}

/** A client, and the network between it and the server, which cuts, stops, and hands over as little as it likes. */
class Client {
	readonly manager: StreamManager<RelayedItem>
	readonly told = new Map<string, RelayedItem>()
	readonly faults: string[] = []
	/** How many more bytes get through before the connection breaks. */
	cutAfter = Infinity
	isStopped = false
	readonly #server: Server
	readonly #view: StreamView<Item>

	constructor(server: Server, key: 'all' | Team, pieces: number) {
		this.#server = server
		this.#view = { key, includes: item => includes(key, item) }
		const mirror = (name: string, id: string, isKnown: boolean): void => {
			if (this.told.has(id) !== isKnown) this.faults.push(`${name} ${id}`)
		}
		this.manager = new StreamManager<RelayedItem>({
			...{ url: 'http://gateway', clock: server.clock, random: () => 0, logger: silentLogger },
			...{ startTimeout: null, kind: relayedItems('items'), retry: { base: 50, cap: 100 } },
			dispatcher: { request: this.#request(key, pieces) } as unknown as Dispatcher,
			handler: {
				add: (id: string, item: RelayedItem) => {
					mirror('add', id, false)
					this.told.set(id, item)
				},
				update: (id: string, item: RelayedItem) => {
					mirror('update', id, true)
					this.told.set(id, item)
				},
				delete: (id: string) => {
					mirror('delete', id, true)
					this.told.delete(id)
				},
			},
		})
		void this.manager.start()
	}

	/** Nothing of another view gets here: no item, and no id. */
	#watch(key: 'all' | Team, text: string): void {
		const other = key === 'red' ? 'blue' : 'red'
		if (key !== 'all' && text.includes(`"team":"${other}"`)) this.faults.push(`an item of ${other}`)
		for (const [, id = ''] of text.matchAll(/"\/items\/([^"]*)"/g))
			if (!this.#server.everSeen[key].has(id)) this.faults.push(`the id ${id}`)
	}

	#request(key: 'all' | Team, pieces: number) {
		return ({ headers, signal }: { headers: Record<string, string>; signal: AbortSignal }): unknown => {
			const id = headers['last-event-id']
			let abort = (): void => {}
			const aborted = new Promise<never>((_resolve, reject) => {
				abort = () => reject(new Error('reset'))
				signal.addEventListener('abort', abort, { once: true })
			})
			aborted.catch(() => {})
			const request = new Request('http://gateway/', {
				headers: id === undefined ? {} : { 'last-event-id': id },
			})
			const response = this.#server.publisher.handle(request, { view: this.#view, abort })
			const body = Object.assign(this.#carry(response, aborted, key, pieces), { on() {}, destroy() {} })
			const contentType = response.headers.get('content-type')
			return Promise.resolve({ statusCode: response.status, headers: { 'content-type': contentType }, body })
		}
	}

	async *#carry(
		{ body }: Response,
		aborted: Promise<never>,
		key: 'all' | Team,
		pieces: number,
	): AsyncGenerator<Uint8Array> {
		const reader = (body as ReadableStream<Uint8Array>).getReader()
		let text = ''
		try {
			for (;;) {
				while (this.isStopped) await Promise.race([turn(), aborted])
				const { done, value } = await Promise.race([reader.read(), aborted])
				if (done) return
				text += Buffer.from(value).toString()
				this.#watch(key, text)
				text = text.slice(text.lastIndexOf('\n') + 1)
				for (let at = 0; at < value.length; at += pieces) {
					const piece = value.subarray(at, at + Math.min(pieces, this.cutAfter))
					yield piece
					this.cutAfter -= piece.length
					if (this.cutAfter > 0) continue
					this.cutAfter = Infinity
					throw new Error('cut')
				}
			}
		} finally {
			reader.cancel().catch(() => {})
		}
	}
}

/** Some are of one team for ever, so that the others must never hear of them; the rest change sides. */
const ID = fc.constantFrom('a', 'b', 'c', 'red only', 'blue only')
const teamOf = (id: string, team: Team): Team => (id.endsWith(' only') ? (id.split(' ')[0] as Team) : team)
const WHO = fc.nat(2)
const TEAM = fc.constantFrom<Team[]>('red', 'blue')
const step = fc.oneof(
	{ weight: 8, arbitrary: fc.record({ type: fc.constant('upsert' as const), id: ID, team: TEAM }) },
	{ weight: 3, arbitrary: fc.record({ type: fc.constant('delete' as const), id: ID }) },
	{ weight: 1, arbitrary: fc.record({ type: fc.constant('forget' as const), id: ID }) },
	{ weight: 2, arbitrary: fc.record({ type: fc.constant('resurrect' as const), id: ID }) },
	{ weight: 1, arbitrary: fc.record({ type: fc.constant('put' as const), ids: fc.uniqueArray(ID) }) },
	/** Everything as it is, which is no news. */
	{ weight: 1, arbitrary: fc.record({ type: fc.constant('again' as const), isInTurns: fc.boolean() }) },
	{ weight: 4, arbitrary: fc.record({ type: fc.constant('cut' as const), who: WHO, after: fc.nat(300) }) },
	{ weight: 1, arbitrary: fc.record({ type: fc.constant('stop' as const), who: WHO }) },
	{ weight: 2, arbitrary: fc.record({ type: fc.constant('go on' as const), who: WHO }) },
	{ weight: 1, arbitrary: fc.constant({ type: 'restart' as const }) },
	{ weight: 5, arbitrary: fc.record({ type: fc.constant('turns' as const), count: fc.nat(6) }) },
	{
		weight: 4,
		arbitrary: fc.record({ type: fc.constant('time' as const), ms: fc.constantFrom(50, 50, 1_000, 6_000) }),
	},
)

test('whatever changes, breaks, stops or is restarted: each client ends with what it may see, and hears of nothing else', async t => {
	let resumed = 0
	const property = fc.asyncProperty(
		fc.array(step, { minLength: 10, maxLength: 60 }),
		fc.constantFrom(1, 7, 64, 100_000),
		async (steps, pieces) => {
			const server = new Server()
			const keys = ['all', 'red', 'blue'] as const
			const clients = keys.map(key => new Client(server, key, pieces))
			let version = 0
			const last = new Map<string, Item>()
			const fresh = (id: string, wanted: Team): Item => {
				const team = teamOf(id, wanted)
				const item = { version: ++version, team, id }
				last.set(id, item)
				server.everSeen.all.add(id)
				server.everSeen[team].add(id)
				return item
			}
			for (const one of steps) {
				const { publisher, clock } = server
				switch (one.type) {
					case 'upsert':
						publisher.upsert(one.id, fresh(one.id, one.team), version)
						break
					case 'delete':
						publisher.delete(one.id, ++version)
						break
					case 'forget':
						publisher.forget([one.id])
						break
					case 'resurrect': {
						const before = last.get(one.id)
						if (before !== undefined && publisher.get(one.id) === undefined)
							publisher.restore(one.id, before, before.version)
						break
					}
					case 'put':
						publisher.put(
							one.ids.map((id, i) => {
								const item =
									(i % 2 === 0 ? publisher.get(id) : undefined) ?? fresh(id, i % 3 === 0 ? 'red' : 'blue')
								return [id, item, item.version]
							}),
						)
						break
					case 'again': {
						const all = [...publisher.entries()]
						if (!one.isInTurns) publisher.put(all)
						// A restart ends it.
						else void publisher.putInTurns(all).catch(() => {})
						break
					}
					case 'cut':
						clients[one.who]!.cutAfter = one.after
						break
					case 'stop':
					case 'go on':
						clients[one.who]!.isStopped = one.type === 'stop'
						break
					case 'restart':
						await server.restart()
						break
					case 'turns':
						for (let i = 0; i < one.count; i++) await turn()
						break
					case 'time':
						await clock.advance(one.ms)
				}
			}
			const expected = (key: 'all' | Team): unknown =>
				[...server.publisher.entries()]
					.filter(([, item]) => includes(key, item))
					.map(([id, item]) => [id, item])
					.sort()
			for (const client of clients) {
				client.isStopped = false
				client.cutAfter = Infinity
			}
			const isThere = (): boolean =>
				clients.every(
					({ told, manager }, i) =>
						manager.status.state === 'VALID' &&
						JSON.stringify([...told].sort()) === JSON.stringify(expected(keys[i]!)),
				)
			for (let i = 0; i < 60 && !isThere(); i++) {
				for (let j = 0; j < 20 && !isThere(); j++) await turn()
				if (!isThere()) await server.clock.advance(1_000)
			}
			for (const [i, { told, manager, faults }] of clients.entries()) {
				deepEqual([...told].sort(), expected(keys[i]!), keys[i])
				deepEqual([...manager.entries()].map(([id, item]) => [id, item]).sort(), expected(keys[i]!), keys[i])
				deepEqual(faults, [], keys[i])
			}
			await Promise.all(clients.map(({ manager }) => manager.close()))
			await server.close()
			resumed += server.connected.resumed
			deepEqual(server.clock.pendingTimers, 0)
		},
	)
	await t.notThrowsAsync(fc.assert(property, { numRuns: RUNS }))
	ok(resumed > 0)
})
