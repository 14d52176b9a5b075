/**
 * A process that pushes without end, several services at a time, and says on its standard output what has been
 * acknowledged: `service version`, a line each, written before anything else happens. To be killed.
 */
import { writeSync } from 'node:fs'
import { ConfigReceiver } from '../../lib/config/index.ts'
import { LmdbConfigDb } from '../../lib/config/lmdb.ts'
import { itemsOf, push } from './configs.ts'

const [path = '', services = '8'] = process.argv.slice(2)
await using db = new LmdbConfigDb({ path })
await db.open()
const receiver = new ConfigReceiver({ db })
writeSync(1, 'ready 0\n')

const pushOn = async (service: string): Promise<never> => {
	for (let version = Number(db.service(service)?.configVersion.split('.')[0] ?? 0) + 1; ; version++) {
		await receiver.push(push(service, `${version}.0.0`, itemsOf(version)))
		writeSync(1, `${service} ${version}\n`)
	}
}

await Promise.all(Array.from({ length: Number(services) }, (_, index) => pushOn(`s${index}`)))
