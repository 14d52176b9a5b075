import { onlyKnownOptions } from '../core/options.ts'
import type { ConfigItem, PullTarget } from './config-db.ts'
import type { FunConfig } from './fun-config.ts'
import { GroupCommitDb, type ConfigStore, type GroupCommitOptions } from './group-commit.ts'
import type { ServiceConfig } from './push-config.ts'

export type MemoryConfigDbOptions = GroupCommitOptions

const nowhere: ConfigStore<never, never> = {
	open: async () => ({ services: [], floor: 0 }),
	write: async () => {},
	close: async () => {},
}

/** A `ConfigDb` that is as durable as its process: for tests, and for those who can do without their past. */
export class MemoryConfigDb<
	Item extends ConfigItem = FunConfig,
	Pull extends PullTarget = ServiceConfig,
> extends GroupCommitDb<Item, Pull> {
	/** @throws `INVALID_OPTION` */
	constructor(options: MemoryConfigDbOptions = {}) {
		onlyKnownOptions('MemoryConfigDb', options, ['clock', 'logger'])
		super(nowhere, options)
	}
}
