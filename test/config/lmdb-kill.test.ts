import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { LmdbConfigDb } from '../../lib/config/lmdb.ts'
import { silentLogger } from '../../lib/core/logger.ts'
import { itemsOf } from '../support/configs.ts'
import { temporaryFolder } from '../support/temporary.ts'

/** How often the writer is killed. More, where somebody has the time: `REMOTE_TERM_TEST_KILLS=200`. */
const KILLS = Number(process.env['REMOTE_TERM_TEST_KILLS'] ?? 10)
const writer = fileURLToPath(new URL('../support/config-writer.js', import.meta.url))

test('whenever the process is killed, every push that it had acknowledged is there whole, and none is there by half', async t => {
	t.timeout(KILLS * 20_000)
	const path = join(await temporaryFolder(t), 'config.lmdb')
	const acknowledged = new Map<string, number>()
	let pushes = 0
	for (let kill = 0; kill < KILLS; kill++) {
		const child = spawn(process.execPath, [writer, path], { stdio: ['ignore', 'pipe', 'inherit'] })
		t.teardown(() => child.kill('SIGKILL'))
		const exited = once(child, 'exit')
		// Not after some time but after some work, which is different each time in where it stops.
		const enough = 1 + Math.floor(Math.random() * 400)
		let lines = -1
		for await (const line of createInterface({ input: child.stdout })) {
			const [service = '', version = ''] = line.split(' ')
			if (lines++ >= 0) acknowledged.set(service, Number(version))
			if (lines === enough) child.kill('SIGKILL')
		}
		const [, signal] = (await exited) as [number | null, string | null]
		t.is(signal, 'SIGKILL')
		pushes += lines

		const db = new LmdbConfigDb({ path, logger: silentLogger })
		await db.open()
		for (const [service, version] of acknowledged) {
			const stored = Number(db.service(service)?.configVersion.split('.')[0])
			t.true(stored >= version, `${service} ${version} was acknowledged, and ${stored} is stored`)
		}
		for (const { service, configVersion } of db.services()) {
			const expected = itemsOf(Number(configVersion.split('.')[0]))
			t.deepEqual(
				db.items(service).map(({ item }) => [item.requestType, item.target]),
				expected.map(({ requestType, target }) => [requestType, target]),
			)
		}
		await db.close()
	}
	t.log(`${pushes} pushes acknowledged, ${KILLS} kills`)
})
