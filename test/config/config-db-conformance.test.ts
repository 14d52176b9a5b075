import { join } from 'node:path'
import test from 'ava'
import { MemoryConfigDb } from '../../lib/config/index.ts'
import { LmdbConfigDb } from '../../lib/config/lmdb.ts'
import { silentLogger } from '../../lib/core/logger.ts'
import { configDbConformance, type ConformanceItem, type ConformancePull } from '../../lib/testing/index.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const logger = silentLogger

configDbConformance({
	test: (title, run) => test(`memory: ${title}`, async t => void (await t.notThrowsAsync(run))),
	create: () => ({ db: new MemoryConfigDb<ConformanceItem, ConformancePull>({ logger }) }),
	durable: false,
})

configDbConformance({
	test: (title, run) => test(`lmdb: ${title}`, async t => void (await t.notThrowsAsync(run))),
	create: async () => {
		const { path, remove } = await temporaryDirectory()
		const open = (): LmdbConfigDb<ConformanceItem, ConformancePull> =>
			new LmdbConfigDb<ConformanceItem, ConformancePull>({ path: join(path, 'config.lmdb'), logger })
		return { db: open(), reopen: open, dispose: remove }
	},
})
