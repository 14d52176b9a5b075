import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A real server on loopback, or `undefined` where none is installed. */
export const startNatsServer = async (): Promise<
	{ readonly servers: string; stop(): Promise<void> } | undefined
> => {
	if (spawnSync('nats-server', ['--version']).status !== 0) return undefined
	const directory = await mkdtemp(join(tmpdir(), 'remote-term-bench-'))
	const child = spawn('nats-server', ['-a', '127.0.0.1', '-p', '-1', '--ports_file_dir', directory], {
		stdio: 'ignore',
	})
	const exited = once(child, 'exit')
	const stop = async (): Promise<void> => {
		child.kill('SIGKILL')
		await exited
		await rm(directory, { recursive: true })
	}
	for (let tries = 0; tries < 1_000; tries++) {
		// The file is there as soon as it listens.
		const name = (await readdir(directory)).find(one => one.endsWith('.ports'))
		const text = name === undefined ? '' : await readFile(join(directory, name), 'utf8')
		const servers = /"nats:\/\/([^"]*)"/.exec(text)?.[1]
		if (servers !== undefined) return { servers, stop }
		await new Promise(resolve => setTimeout(resolve, 10))
	}
	await stop()
	throw new Error('nats-server did not start')
}
