import assert from 'node:assert/strict'
import type {
	ConfigChange,
	ConfigDb,
	ConfigItem,
	ItemRef,
	Lookup,
	PullTarget,
	ServiceCommit,
	ServiceRecord,
} from '../../config/config-db.ts'
import { sleep, systemClock } from '../../core/clock.ts'
import { messageOf, RemoteTermError, type ErrorCode } from '../../core/errors.ts'
import { within } from '../within.ts'

/** What the suite stores. */
export interface ConformanceItem extends ConfigItem {
	readonly value?: unknown
}

export interface ConformancePull extends PullTarget {
	readonly target: string
}

export type Db = ConfigDb<ConformanceItem, ConformancePull>

/** A database under test. */
export interface ConfigDbHarness {
	readonly db: Db
	/** Another object for the same data, not opened. Called when the one before it has been closed. */
	reopen?(): Db | Promise<Db>
	/** Another object for the same data, not opened, to stand beside the first. */
	peer?(): Db | Promise<Db>
	/** Called once, after all databases were closed. */
	dispose?(): void | Promise<void>
}

export interface Check {
	readonly title: string
	readonly needs?: 'durable' | 'shared'
	readonly run: (session: Session) => Promise<void>
}

export const item = (
	requestType: string,
	version = '0.0.0',
	more: { readonly value?: unknown; readonly disabled?: boolean; readonly service?: string } = {},
): ConformanceItem => ({ service: 'orders', requestType, version, ...more })

export const refs = (list: readonly ItemRef[]): string[] =>
	list.map(({ requestType, version }) => `${requestType} ${version}`).sort()

/** One database, its peers, and what is asked of them again and again. */
export class Session {
	readonly #harness: ConfigDbHarness
	readonly #limit: number
	readonly #opened: Db[] = []
	db: Db

	constructor(harness: ConfigDbHarness, limit: number) {
		this.#harness = harness
		this.#limit = limit
		this.db = harness.db
		this.#opened.push(this.db)
	}

	/** A commit upon what is stored now. */
	commit(
		items: readonly ConformanceItem[],
		more: Partial<ServiceCommit<ConformanceItem, ConformancePull>> = {},
		db: Db = this.db,
	): Promise<ConfigChange<ConformancePull>> {
		const service = more.service ?? 'orders'
		return this.within(
			'commit',
			db.commit({
				service,
				configVersion: '1.0.0',
				source: 'push',
				nodes: ['node-1'],
				expectedRevision: db.service(service)?.revision ?? 0,
				...more,
				// Those that name no other service are this one's.
				items: items.map(one => ({ ...one, service: one.service === 'orders' ? service : one.service })),
			}),
		)
	}

	setDisabled(requestType: string, version: string, disabled: boolean): Promise<string> {
		return this.within('setDisabled', this.db.setDisabled('orders', { requestType, version }, disabled))
	}

	/** Closes the database and goes on with another object for the same data. */
	async reopen(): Promise<void> {
		assert(this.#harness.reopen !== undefined, 'Expected the harness to have `reopen`')
		await this.within('close', this.db.close())
		this.db = await this.#harness.reopen()
		this.#opened.push(this.db)
		await this.within('open', this.db.open())
	}

	async peer(): Promise<Db> {
		assert(this.#harness.peer !== undefined, 'Expected the harness to have `peer`')
		const peer = await this.#harness.peer()
		this.#opened.push(peer)
		await this.within('open', peer.open())
		return peer
	}

	within<Result>(step: string, work: Promise<Result>): Promise<Result> {
		return within(this.#limit, work, step)
	}

	async until(what: string, holds: () => boolean): Promise<void> {
		const started = systemClock.monotonic()
		while (!holds()) {
			assert(systemClock.monotonic() - started < this.#limit, `Expected ${what}`)
			await sleep(systemClock, 2)
		}
	}

	async expectError(work: Promise<unknown>, code: ErrorCode): Promise<void> {
		const outcome = await this.within(
			`a rejection with ${code}`,
			work.then(
				() => undefined,
				(error: unknown) => error,
			),
		)
		assert(outcome !== undefined, `Expected a rejection with ${code}`)
		assert(outcome instanceof RemoteTermError, `Expected a RemoteTermError, got ${messageOf(outcome)}`)
		assert.equal(outcome.code, code)
	}

	async end(): Promise<void> {
		for (const db of this.#opened) await this.within('close', db.close())
		await this.#harness.dispose?.()
	}
}

export const found = (lookup: Lookup<ConformanceItem>): ConformanceItem => {
	assert.equal(lookup.status, 'found')
	return (lookup as { item: ConformanceItem }).item
}

/** All that can be read of a database, to be compared as a whole. */
export const contents = (
	db: Db,
): ReadonlyArray<{ record: ServiceRecord<ConformancePull>; items: ReturnType<Db['items']> }> =>
	db.services().map(record => ({ record, items: db.items(record.service) }))

export const withSession = async (
	{
		create,
		limit,
	}: { readonly create: () => ConfigDbHarness | Promise<ConfigDbHarness>; readonly limit: number },
	run: (session: Session) => Promise<void>,
): Promise<void> => {
	const session = new Session(await create(), limit)
	try {
		await session.within('open', session.db.open())
		await run(session)
	} finally {
		await session.end()
	}
}
