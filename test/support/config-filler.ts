/**
 * A process that pushes large configurations until some do not fit, and says how each went: `service outcome`. Where the
 * database cannot even be opened it says so, `open outcome`, and ends.
 */
import { writeSync } from 'node:fs'
import { ConfigReceiver } from '../../lib/config/index.ts'
import { LmdbConfigDb } from '../../lib/config/lmdb.ts'
import type { RemoteTermError } from '../../lib/core/errors.ts'
import { fun, push } from './configs.ts'

const [path = ''] = process.argv.slice(2)
await using db = new LmdbConfigDb({ path })
try {
	await db.open()
} catch (error) {
	writeSync(1, `open ${(error as RemoteTermError).code}\n`)
	process.exit()
}
const receiver = new ConfigReceiver({ db })
const items = Array.from({ length: 20 }, (_, index) =>
	fun(`r${index}`, { args: { note: 'x'.repeat(8_000) } }),
)

for (let service = 0, failed = 0; failed < 3; service++) {
	const name = `s${service}`
	try {
		writeSync(1, `${name} ${(await receiver.push(push(name, '1.0.0', items))).status}\n`)
	} catch (error) {
		failed++
		writeSync(1, `${name} ${(error as RemoteTermError).code}\n`)
	}
}
