import { randomUUID } from 'node:crypto'
import { closeSync, openSync } from 'node:fs'
import { mkdir, realpath } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import type { RootDatabase } from 'lmdb'
import { asRemoteTermError, messageOf, RemoteTermError } from '../../core/errors.ts'
import type { ConfigItem, PullTarget } from '../config-db.ts'
import type { ConfigStore } from '../group-commit.ts'
import type { Step, StoredService } from '../service-state.ts'
import type { FileFault } from './meta.ts'
import { metaFault, pagesFault } from './pages.ts'
import {
	assemble,
	decode,
	encode,
	FLOOR_KEY,
	FORMAT_KEY,
	itemKey,
	OWNER_KEY,
	serviceKey,
	serviceRow,
	type Row,
} from './rows.ts'

type Environment = RootDatabase<Uint8Array, string[]>

const MAGIC = 'remote-term/config'
const FORMAT = 1

/** The files that this process has open. Two environments on one file in one process would undo each other's locks. */
const openHere = new Set<string>()

interface Owner {
	readonly pid: number
	/** Random, new with each open: what a process that was mistaken for dead finds out by. */
	readonly token: string
}

/** A file of LMDB's, and us as its only owner. */
export class LmdbStore<Item extends ConfigItem, Pull extends PullTarget> implements ConfigStore<Item, Pull> {
	#path: string
	#environment: Environment | undefined
	#floor = 0
	readonly #owner: Owner = { pid: process.pid, token: randomUUID() }
	#held = false

	constructor(path: string) {
		this.#path = resolve(path)
	}

	async open(): Promise<{ services: Array<StoredService<Item, Pull>>; floor: number }> {
		const { open } = await loadLmdb()
		await mkdir(dirname(this.#path), { recursive: true })
		// One file, one name, however it is reached.
		this.#path = join(await realpath(dirname(this.#path)), basename(this.#path))
		if (openHere.has(this.#path)) throw this.#failed('it is open in this process already')
		openHere.add(this.#path)
		this.#held = true
		this.#refuse(this.#inspect(metaFault))
		const environment = open<Uint8Array, string[]>({
			path: this.#path,
			...{ noSubdir: true, encoding: 'binary', cache: false },
			// A commit resolves when it is on the disk, not when it is on its way there.
			overlappingSync: false,
			// We gather writes ourselves; and where its own batches fail, nobody holds the promise that rejects.
			eventTurnBatching: false,
		})
		this.#environment = environment
		this.#refuseOthers(environment)
		const fault = this.#inspect(pagesFault)
		// Somebody who has come meanwhile may have written while we were looking.
		this.#refuseOthers(environment)
		this.#refuse(fault)
		await this.#claim(environment)
		const services = assemble<Item, Pull>(environment.getRange() as Iterable<Row>)
		const floor = this.#read(environment, FLOOR_KEY) ?? 0
		this.#floor = Number(floor)
		return { services, floor: this.#floor }
	}

	async write(steps: ReadonlyArray<Step<Item, Pull>>, floor: number): Promise<void> {
		const environment = this.#environment
		if (environment === undefined) throw this.#failed('it is closed')
		const rows = steps.map(step => rowsOf(step))
		await inTransaction(environment, () => {
			if (!this.#isOurs(environment)) throw this.#failed('another process has taken it over')
			for (const { puts, removals } of rows) {
				for (const key of removals) environment.removeSync([...key])
				for (const { key, value } of puts) environment.putSync([...key], value)
			}
			if (floor !== this.#floor) environment.putSync([...FLOOR_KEY], encode(FLOOR_KEY, floor))
		})
		this.#floor = floor
	}

	async close(): Promise<void> {
		const environment = this.#environment
		this.#environment = undefined
		try {
			await environment?.close()
		} finally {
			if (this.#held) openHere.delete(this.#path)
			this.#held = false
		}
	}

	/** Says whose the file is, in a transaction, since those are the one thing that processes do in turn. */
	async #claim(environment: Environment): Promise<void> {
		// Puts our process on LMDB's list of readers, where the next one will look for us.
		const empty = environment.get([...FORMAT_KEY]) === undefined && environment.getKeysCount() === 0
		if (!empty) this.#checkFormat(environment)
		await inTransaction(environment, () => {
			const owner = this.#read(environment, OWNER_KEY) as Owner | undefined
			if (owner !== undefined && this.#others(environment).includes(owner.pid)) throw this.#inUse(owner.pid)
			if (empty) {
				environment.putSync([...FORMAT_KEY], encode(FORMAT_KEY, { magic: MAGIC, format: FORMAT }))
			}
			environment.putSync([...OWNER_KEY], encode(OWNER_KEY, this.#owner))
		})
	}

	#checkFormat(environment: Environment): void {
		let found: { readonly magic?: unknown; readonly format?: unknown } | undefined
		try {
			found = this.#read(environment, FORMAT_KEY) as typeof found
		} catch {
			// A row of this name that somebody else has written.
		}
		if (found?.magic !== MAGIC) throw this.#failed('it is a database of something else')
		if (found.format === FORMAT) return
		throw this.#failed(
			`it is of format ${String(found.format)}, and this version of remote-term reads format ${FORMAT}`,
		)
	}

	#read(environment: Environment, key: readonly string[]): unknown {
		const row = environment.get([...key])
		return row === undefined ? undefined : decode(key, row)
	}

	#isOurs(environment: Environment): boolean {
		return (this.#read(environment, OWNER_KEY) as Owner | undefined)?.token === this.#owner.token
	}

	/** Other processes that have the file open and are alive. Locks of the dead are released by the system. */
	#others(environment: Environment): number[] {
		environment.readerCheck()
		const pids = environment.readerList().matchAll(/^\s*(\d+)\s/gm)
		return [...pids].map(([, pid]) => Number(pid)).filter(pid => pid !== process.pid)
	}

	#refuseOthers(environment: Environment): void {
		const [other] = this.#others(environment)
		if (other !== undefined) throw this.#inUse(other)
	}

	#inspect(look: (file: number) => FileFault | undefined): FileFault | undefined {
		let file: number
		try {
			file = openSync(this.#path, 'r')
		} catch (error) {
			if ((error as { code?: unknown }).code === 'ENOENT') return undefined
			throw this.#failed(messageOf(error), error)
		}
		try {
			return look(file)
		} finally {
			closeSync(file)
		}
	}

	#refuse(fault: FileFault | undefined): void {
		if (fault === undefined) return
		throw this.#failed(
			fault.kind === 'foreign'
				? `it is no database of ours: ${fault.reason}`
				: `it is torn: ${fault.reason}. Restore it from a copy, or move it away and let services push again`,
		)
	}

	#inUse(pid: number): RemoteTermError {
		return this.#failed(`it is in use by process ${pid}`)
	}

	#failed(reason: string, cause?: unknown): RemoteTermError {
		return new RemoteTermError('DATABASE_FAILED', `The database ${this.#path} cannot be used: ${reason}`, {
			...(cause !== undefined && { cause }),
		})
	}
}

const rowsOf = <Item extends ConfigItem, Pull extends PullTarget>({
	state,
	change,
}: Step<Item, Pull>): {
	readonly puts: readonly Row[]
	readonly removals: ReadonlyArray<readonly string[]>
} => {
	const { service, added, changed, removed } = change
	const removals = removed.map(({ requestType, version }) => itemKey(service, requestType, version))
	if (state === undefined) return { puts: [], removals: [serviceKey(service), ...removals] }
	const key = serviceKey(service)
	const puts: Row[] = [{ key, value: encode(key, serviceRow(state)) }]
	if (change.kind === 'committed') {
		const written = new Set([...added, ...changed].map(ref => `${ref.requestType} ${ref.version}`))
		for (const { item } of state.items) {
			if (!written.has(`${item.requestType} ${item.version}`)) continue
			const key = itemKey(service, item.requestType, item.version)
			puts.push({ key, value: encode(key, item) })
		}
	}
	return { puts, removals }
}

/** A child transaction is undone as a whole where anything in it throws; a plain one is not. */
const inTransaction = async (environment: Environment, write: () => void): Promise<void> => {
	try {
		await environment.childTransaction(write)
	} catch (error) {
		throw await reasonOf(error)
	}
}

/** LMDB says why a commit failed in a promise beside the error, which ends the process if nobody looks at it. */
const reasonOf = async (error: unknown): Promise<unknown> => {
	const { commitError } = error as { readonly commitError?: unknown }
	if (!(commitError instanceof Promise)) return error
	const later = new Promise(resolve => setImmediate(resolve, error))
	return Promise.race([commitError.then(() => error).catch((reason: unknown) => reason), later])
}

type Lmdb = Pick<typeof import('lmdb'), 'open'>

const loadLmdb = async (): Promise<Lmdb> => {
	try {
		return await import('lmdb')
	} catch (error) {
		throw asRemoteTermError(
			error,
			'DATABASE_FAILED',
			message => `LmdbConfigDb needs LMDB, which cannot be loaded: npm install lmdb (${message})`,
		)
	}
}
