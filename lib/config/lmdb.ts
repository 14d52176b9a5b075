import { nonEmptyString, onlyKnownOptions } from '../core/options.ts'
import type { ConfigItem, PullTarget } from './config-db.ts'
import type { FunConfig } from './fun-config.ts'
import { GroupCommitDb, type GroupCommitOptions } from './group-commit.ts'
import { LmdbStore } from './lmdb/store.ts'
import type { ServiceConfig } from './push-config.ts'

export interface LmdbConfigDbOptions extends GroupCommitOptions {
	/** The database's file. It and its folder are made where they are missing; a lock file lies beside it. */
	readonly path: string
}

/**
 * A `ConfigDb` in one file, by LMDB: the embedded default. A write resolves when its transaction is synced to the disk,
 * so that neither a crash of the process nor one of the machine takes it back. One process at a time. Needs the
 * optional peer `lmdb`.
 */
export class LmdbConfigDb<
	Item extends ConfigItem = FunConfig,
	Pull extends PullTarget = ServiceConfig,
> extends GroupCommitDb<Item, Pull> {
	/** @throws `INVALID_OPTION` */
	constructor(options: LmdbConfigDbOptions) {
		onlyKnownOptions('LmdbConfigDb', options, ['path', 'clock', 'logger'])
		super(new LmdbStore<Item, Pull>(nonEmptyString('path', options.path)), options)
	}
}
