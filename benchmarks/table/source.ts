import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import type { Fetcher } from 'remote-term'

export interface Keyed {
	readonly id: string
}

/** Prebuilt bodies in turns, in chunks such as a socket gives. */
export const fetcherOf = (files: readonly string[], { eager = true } = {}): Fetcher => {
	const bodies = eager ? files.map(file => readFileSync(file)) : []
	let version = 0
	return {
		init: async () => {},
		currentVersion: async () => String(version + 1),
		download: async () => {
			const turn = version++ % files.length
			const body = bodies[turn] ?? readFileSync(files[turn]!)
			return { body: chunksOf(body), version: String(version), size: body.length }
		},
	}
}

/** A turn of the loop between two chunks, as a socket would take. */
async function* chunksOf(body: Uint8Array): AsyncGenerator<Uint8Array, void> {
	for (let at = 0; at < body.length; at += 65_536) {
		yield body.subarray(at, at + 65_536)
		await new Promise(resolve => setImmediate(resolve))
	}
}

const gunzipped = promisify(gunzip)

/** What one would write without a library. It inflates off the main thread; the rest cannot be elsewhere. */
export const byHand = async (body: Buffer): Promise<Map<string, Keyed>> => {
	const rows = JSON.parse((await gunzipped(body)).toString()) as Keyed[]
	const map = new Map<string, Keyed>()
	for (const row of rows) map.set(row.id, row)
	return map
}
