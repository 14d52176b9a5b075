import test from 'ava'
import fc from 'fast-check'
import {
	ConfigReceiver,
	GroupCommitDb,
	type ConfigStore,
	type FunConfig,
	type ServiceConfig,
} from '../../lib/config/index.ts'
import type { RemoteTermError } from '../../lib/core/errors.ts'
import { silentLogger } from '../../lib/core/logger.ts'
import { fun, push } from '../support/configs.ts'

/** Where in a write the disk fails: before anything, or after some of the steps, which a store must then undo. */
type Crash = 'none' | 'before' | 'half'

/** A store over a Map of text, that fails when it is told to, and undoes what it had begun. */
class FailingStore implements ConfigStore<FunConfig, ServiceConfig> {
	rows = new Map<string, string>()
	crash: Crash = 'none'

	async open(): ReturnType<ConfigStore<FunConfig, ServiceConfig>['open']> {
		const services = [...this.rows.values()].map(row => JSON.parse(row) as never)
		return { services, floor: 1_000 }
	}

	async write(...[steps]: Parameters<ConfigStore<FunConfig, ServiceConfig>['write']>): Promise<void> {
		const crash = this.crash
		this.crash = 'none'
		await Promise.resolve()
		if (crash === 'before') throw new Error('the disk is gone')
		const next = new Map(this.rows)
		for (const { state, change } of steps) {
			if (state === undefined) next.delete(change.service)
			else next.set(change.service, JSON.stringify(state.stored))
			if (crash === 'half') throw new Error('the disk is full')
		}
		this.rows = next
	}

	async close(): Promise<void> {}
}

const INVALID = [
	{ timeout: 1 },
	{ nodes: [] },
	{ version: 'latest' },
	{ retry: -1 },
	{ service: 'another' },
	{ argTypes: { a: 'string' as const } },
	{ unknown: true },
]

interface Item {
	readonly type: string
	readonly version: string
	readonly value: number
	readonly invalid: number | null
}

const item = fc.record({
	type: fc.constantFrom('a', 'b', 'c'),
	version: fc.constantFrom('', '1.0.0', '1.0.0-rc.1', '2.0.0'),
	value: fc.nat(2),
	invalid: fc.oneof(
		{ weight: 15, arbitrary: fc.constant(null) },
		{ weight: 1, arbitrary: fc.nat(INVALID.length - 1) },
	),
})

const action = fc.oneof(
	{
		weight: 8,
		arbitrary: fc.record({
			do: fc.constant('push' as const),
			service: fc.constantFrom('x', 'y', 'z'),
			version: fc.constantFrom('1.0.0', '2.0.0', '3.0.0', 'build-1'),
			items: fc.array(item, { maxLength: 5 }),
			force: fc.boolean(),
			crash: fc.constantFrom<Crash>('none', 'none', 'none', 'before', 'half'),
		}),
	},
	{
		weight: 1,
		arbitrary: fc.record({ do: fc.constant('delete' as const), service: fc.constantFrom('x', 'y', 'z') }),
	},
	{ weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
)

/** What should be stored: `version` and items of each service, as text. */
type Model = Map<string, { version: string; items: string[] }>

const stateOf = (db: GroupCommitDb<FunConfig, ServiceConfig>): Model =>
	new Map(
		db.services().map(({ service, configVersion }) => [
			service,
			{
				version: configVersion,
				items: db
					.items(service)
					.map(
						({ item: { requestType, version, hookTimeout } }) => `${requestType} ${version} ${hookTimeout}`,
					)
					.sort(),
			},
		]),
	)

const NUMERIC = /^\d/

/** What a push should come to. */
const expected = (
	model: Model,
	{
		service,
		version,
		items,
		force,
	}: { service: string; version: string; items: readonly Item[]; force: boolean },
): 'VALIDATION_FAILED' | 'DOWNGRADE_REFUSED' | 'skipped' | 'accepted' => {
	const keys = new Set(items.map(one => `${one.type} ${one.version || '0.0.0'}`))
	if (items.length === 0 || keys.size < items.length || items.some(one => one.invalid !== null)) {
		return 'VALIDATION_FAILED'
	}
	const stored = model.get(service)
	if (stored === undefined || force) return 'accepted'
	if (stored.version === version) return 'skipped'
	const comparable = NUMERIC.test(stored.version) && NUMERIC.test(version)
	return comparable && version < stored.version ? 'DOWNGRADE_REFUSED' : 'accepted'
}

test('whatever is pushed, and wherever the disk fails, a push is stored whole or not at all', async t => {
	const reached = new Set<string>()
	await fc.assert(
		fc.asyncProperty(fc.array(action, { minLength: 1, maxLength: 25 }), async actions => {
			const store = new FailingStore()
			const open = async (): Promise<{
				db: GroupCommitDb<FunConfig, ServiceConfig>
				receiver: ConfigReceiver
			}> => {
				const db = new GroupCommitDb<FunConfig, ServiceConfig>(store, { logger: silentLogger })
				await db.open()
				return { db, receiver: new ConfigReceiver({ db, logger: silentLogger }) }
			}
			let { db, receiver } = await open()
			const model: Model = new Map()
			for (const act of actions) {
				if (act.do === 'restart') {
					await db.close()
					;({ db, receiver } = await open())
				} else if (act.do === 'delete') {
					const { status } = await receiver.deletePushedService(act.service)
					t.is(status, model.delete(act.service) ? 'deleted' : 'not_found')
				} else {
					const { service, version, items, force, crash } = act
					const config = push(
						service,
						version,
						items.map(one => ({
							...fun(one.type, { version: one.version, hookTimeout: 1_000 + one.value }),
							...(one.invalid === null ? {} : INVALID[one.invalid]),
						})),
					)
					store.crash = crash
					let outcome: string
					try {
						outcome = (await receiver.push(config, { force })).status
					} catch (error) {
						outcome = (error as RemoteTermError).code
					}
					store.crash = 'none'
					let should: string = expected(model, act)
					if (should === 'accepted' && crash !== 'none') should = 'DATABASE_FAILED'
					t.is(outcome, should)
					reached.add(outcome)
					if (outcome === 'accepted') {
						model.set(service, {
							version,
							items: items.map(one => `${one.type} ${one.version || '0.0.0'} ${1_000 + one.value}`).sort(),
						})
					}
				}
				t.deepEqual(stateOf(db), new Map([...model].sort()))
				for (const service of ['x', 'y', 'z']) {
					const stored = model.get(service)?.version
					t.deepEqual(
						receiver.verify(service, stored ?? '1.0.0'),
						stored === undefined ? { status: 'not_found' } : { status: 'matched' },
					)
				}
			}
		}),
		{ numRuns: Number(process.env['REMOTE_TERM_TEST_RUNS'] ?? 150) },
	)
	t.deepEqual(
		[...reached].sort(),
		['DATABASE_FAILED', 'DOWNGRADE_REFUSED', 'VALIDATION_FAILED', 'accepted', 'skipped'].sort(),
	)
})

test('what is on the disk and what is read are the same after every failure', async t => {
	const store = new FailingStore()
	const db = new GroupCommitDb<FunConfig, ServiceConfig>(store, { logger: silentLogger })
	await db.open()
	const receiver = new ConfigReceiver({ db, logger: silentLogger })
	await receiver.push(push('x', '1.0.0', [fun('a')]))
	store.crash = 'half'
	// Three that share one transaction: it fails for all of them.
	const outcomes = await Promise.allSettled(
		['x', 'y', 'z'].map(service => receiver.push(push(service, '2.0.0', [fun('b'), fun('c')]))),
	)
	const failed = outcomes.filter(({ status }) => status === 'rejected').length
	t.true(failed >= 1)
	const restarted = new GroupCommitDb<FunConfig, ServiceConfig>(store, { logger: silentLogger })
	await restarted.open()
	t.deepEqual(stateOf(restarted), stateOf(db))
	t.is(db.services().length, 1 + (3 - failed) - (outcomes[0]?.status === 'fulfilled' ? 1 : 0))
	t.is((await receiver.push(push('x', '3.0.0', [fun('b')]))).status, 'accepted')
})
