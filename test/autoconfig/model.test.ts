import test from 'ava'
import fc from 'fast-check'
import { deleteMessage, patchMessage, putMessage, type WireMessage } from '../../lib/autoconfig/messages.ts'
import { Span } from '../support/lifetime.ts'
import { envRep, follow, serveStream } from './stream-server.ts'
import { fact } from './support.ts'

const RUNS = Number(process.env['REMOTE_TERM_MODEL_RUNS'] ?? 60)

/** Who is right: a set of environments, each change of which has a higher version than the one before it. */
class Publisher {
	readonly live = new Map<string, number>()
	readonly #versions = new Map<string, number>()

	set(id: string): WireMessage {
		const version = this.#next(id)
		this.live.set(id, version)
		return patchMessage('environments', id, repOf(id, version))
	}

	delete(id: string): WireMessage {
		const version = this.#next(id)
		this.live.delete(id)
		return deleteMessage('environments', id, version)
	}

	put(): WireMessage {
		return putMessage({
			environments: Object.fromEntries([...this.live].map(([id, version]) => [id, repOf(id, version)])),
		})
	}

	#next(id: string): number {
		const version = (this.#versions.get(id) ?? 0) + 1
		this.#versions.set(id, version)
		return version
	}
}

const repOf = (id: string, version: number): ReturnType<typeof envRep> =>
	envRep(id, version, { envName: `${id} at ${version}` })

const ID = fc.constantFrom('a', 'b', 'c', 'd')
const act = fc.oneof(
	{ weight: 6, arbitrary: fc.record({ type: fc.constant('set' as const), id: ID }) },
	{ weight: 3, arbitrary: fc.record({ type: fc.constant('delete' as const), id: ID }) },
	/** What was published before comes once more, or for the first time, whenever that was. */
	{ weight: 4, arbitrary: fc.record({ type: fc.constant('late' as const), nth: fc.nat() }) },
	{ weight: 1, arbitrary: fc.constant({ type: 'put' as const }) },
	{ weight: 2, arbitrary: fc.constant({ type: 'cut' as const }) },
	{ weight: 1, arbitrary: fc.constant({ type: 'reconnect' as const }) },
	{ weight: 1, arbitrary: fc.constant({ type: 'garbage' as const }) },
)
/** Whether the network loses it. */
const step = fc.tuple(act, fc.boolean())

test('whatever is lost, doubled, delayed or cut off: once connected, it ends in the publisher’s state', async t => {
	await fc.assert(
		fc.asyncProperty(fc.array(step, { maxLength: 25 }), async steps => {
			const span = new Span()
			try {
				const publisher = new Publisher()
				const server = await serveStream(span, publisher.put())
				const view = new Map<string, string>()
				const { manager, clock } = follow(span, server.url, {
					handler: {
						addEnvironment({ envId, identifiers }) {
							if (view.has(envId)) throw new Error(`${envId} was added twice`)
							view.set(envId, identifiers.envName)
						},
						updateEnvironment({ envId, identifiers }) {
							if (!view.has(envId)) throw new Error(`${envId} was updated before it was added`)
							view.set(envId, identifiers.envName)
						},
						deleteEnvironment(envId) {
							if (!view.delete(envId)) throw new Error(`${envId} was deleted, and was not there`)
						},
					},
					logger: {
						debug() {},
						info() {},
						warn() {},
						error: (message, fields) => void faults.push([message, fields]),
					},
				})
				const faults: unknown[] = []
				await manager.start()
				const history: WireMessage[] = []
				const comeBack = async (): Promise<void> => {
					const before = server.requests.length
					server.greeting = [publisher.put()]
					await fact(
						'it waits to connect',
						() => manager.status.state === 'INTERRUPTED' && clock.pendingTimers === 1,
					)
					await clock.advance(clock.nextTimerIn ?? 0)
					await fact('it has', () => server.requests.length > before && manager.status.state === 'VALID')
				}
				for (const [one, isLost] of steps) {
					switch (one.type) {
						case 'set':
						case 'delete': {
							const message = one.type === 'set' ? publisher.set(one.id) : publisher.delete(one.id)
							history.push(message)
							if (!isLost) server.send(message)
							break
						}
						case 'late': {
							const message = history[one.nth % Math.max(1, history.length)]
							if (message !== undefined) server.send(message)
							break
						}
						case 'put':
							if (!isLost) server.send(publisher.put())
							break
						case 'cut':
							server.cut()
							await comeBack()
							break
						case 'reconnect':
							server.send({ event: 'reconnect', data: ' ' })
							await comeBack()
							break
						case 'garbage':
							server.send({ event: 'patch', data: '{' })
							await comeBack()
					}
				}
				server.cut()
				await comeBack()
				const expected = [...publisher.live].map(([id, version]) => [id, `${id} at ${version}`]).sort()
				await fact(
					'it is the publisher’s state',
					() => JSON.stringify([...view].sort()) === JSON.stringify(expected),
				)
				t.deepEqual(
					[...manager.entries()].map(([id, { identifiers }]) => [id, identifiers.envName]).sort(),
					expected,
				)
				t.deepEqual(
					faults.filter(fault => JSON.stringify(fault).includes('handler')),
					[],
				)
			} finally {
				await span.end()
			}
		}),
		{ numRuns: RUNS },
	)
})
