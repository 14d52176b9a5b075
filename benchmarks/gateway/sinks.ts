import { open } from 'node:fs/promises'
import { isBuiltin } from 'node:module'
import { join } from 'node:path'
import { ConfigReceiver, type PushConfig } from 'remote-term/config'
import { LmdbConfigDb } from 'remote-term/config/lmdb'
import type { Sink } from './workload.ts'

/** Ours, the receiver with all its checks included. */
export const lmdbSink = async (
	directory: string,
): Promise<Sink & { readonly db: LmdbConfigDb; readonly receiver: ConfigReceiver }> => {
	const db = new LmdbConfigDb({ path: join(directory, 'config.lmdb') })
	await db.open()
	const receiver = new ConfigReceiver({ db })
	return {
		db,
		receiver,
		push: config => receiver.push(config),
		close: async () => {
			await receiver.close()
			await db.close()
		},
	}
}

/** The least that durability costs: the same bytes appended to a file, one sync per push, nothing checked. */
export const logSink = async (directory: string): Promise<Sink> => {
	const file = await open(join(directory, 'pushes.log'), 'a')
	return {
		push: async config => {
			await file.write(`${JSON.stringify(config)}\n`)
			await file.datasync()
		},
		close: () => file.close(),
	}
}

/** What is used of node:sqlite, which Node 20 and its types do not have. */
interface Statement {
	run(...values: ReadonlyArray<string | number>): unknown
}
interface Sqlite {
	readonly DatabaseSync: new (path: string) => {
		exec(sql: string): void
		prepare(sql: string): Statement
		close(): void
	}
}

const SQLITE: string = 'node:sqlite'
export const hasSqlite = (): boolean => isBuiltin(SQLITE)

/** The same transactions by node:sqlite, synced as ours are, nothing checked; `undefined` where Node has none. */
export const sqliteSink = async (directory: string): Promise<Sink | undefined> => {
	if (!hasSqlite()) return undefined
	const name = SQLITE
	const sqlite = (await import(name)) as Sqlite
	const db = new sqlite.DatabaseSync(join(directory, 'config.sqlite'))
	db.exec(`
		PRAGMA journal_mode = WAL;
		PRAGMA synchronous = FULL;
		CREATE TABLE services (service TEXT PRIMARY KEY, version TEXT, record TEXT) WITHOUT ROWID;
		CREATE TABLE items (
			service TEXT, request_type TEXT, version TEXT, config_version TEXT, item TEXT,
			PRIMARY KEY (service, request_type, version)
		) WITHOUT ROWID;
	`)
	const begin = db.prepare('BEGIN IMMEDIATE')
	const commit = db.prepare('COMMIT')
	const putService = db.prepare('INSERT OR REPLACE INTO services VALUES (?, ?, ?)')
	const putItem = db.prepare('INSERT OR REPLACE INTO items VALUES (?, ?, ?, ?, ?)')
	const removeVanished = db.prepare('DELETE FROM items WHERE service = ? AND config_version <> ?')
	const store = ({ service, configVersion, items, ...rest }: PushConfig): void => {
		begin.run()
		for (const item of items) {
			putItem.run(service, item.requestType, item.version ?? '0.0.0', configVersion, JSON.stringify(item))
		}
		removeVanished.run(service, configVersion)
		putService.run(service, configVersion, JSON.stringify(rest))
		commit.run()
	}
	return {
		push: async config => store(config),
		close: async () => db.close(),
	}
}
