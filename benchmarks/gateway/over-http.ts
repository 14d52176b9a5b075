import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Pool } from 'undici'
import type { Sink } from './workload.ts'

const TOKEN = 'token-of-the-benchmark-0123456789'
const built = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** Pushes over connections that stay open, to a server in a process of its own. */
const sinkTo = async (args: readonly string[], lanes: number): Promise<Sink> => {
	const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] })
	const [line] = (await Promise.race([
		once(createInterface(child.stdout), 'line'),
		once(child, 'exit').then(([code]) => {
			throw new Error(`${args[0]} ended with ${code}`)
		}),
	])) as [string]
	const pool = new Pool(line.split(/\s+/)[1]!, { connections: lanes })
	const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' }
	return {
		push: async config => {
			const path = `/v1/services/${config.service}`
			const { statusCode, body } = await pool.request({
				...{ method: 'PUT', path, headers, body: JSON.stringify(config) },
			})
			const text = await body.text()
			if (statusCode >= 300 || !text.includes('"accepted"')) throw new Error(`${statusCode}: ${text}`)
		},
		close: async () => {
			await pool.close()
			child.kill('SIGTERM')
			await once(child, 'exit')
		},
	}
}

/** `remote-term serve`, all its checks and its audit log included. */
export const gatewaySink = async (directory: string, lanes: number): Promise<Sink> => {
	const config = join(directory, 'gateway.json')
	await writeFile(
		config,
		JSON.stringify({ port: 0, data: join(directory, 'data'), token: TOKEN, rateLimit: false }),
	)
	return sinkTo([built('../../lib/cli/main.js'), 'serve', '--config', config], lanes)
}

export const bareServerSink = (directory: string, lanes: number): Promise<Sink> =>
	sinkTo([built('./bare-server.js'), join(directory, 'bare.lmdb')], lanes)
