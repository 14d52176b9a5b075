import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Certificates } from './certificates.ts'
import { temporaryDirectory } from './temporary.ts'
import type { Lifetime } from './lifetime.ts'
import { closedPort } from './ports.ts'
import { PATIENCE, waitFor } from './wait.ts'

const found = spawnSync('nats-server', ['--version'], { encoding: 'utf8' })

/** What is installed: `2.9.10`; undefined where there is none. */
export const natsServerVersion: string | undefined =
	found.status === 0 ? /v(\d+\.\d+\.\d+)/.exec(found.stdout)?.[1] : undefined

export interface NatsServerOptions {
	/** Default: false. With it, everything is kept in a directory of the test's own, and survives a restart. */
	readonly jetstream?: boolean
	/** What else stands in the configuration file: `authorization { token: "…" }`. */
	readonly config?: string
	/** It stays the same from one start to the next, so that clients find it again. Default: one that is free. */
	readonly port?: number
	readonly name?: string
	/** `verify`: clients must have a certificate, too. Default: false. */
	readonly tls?: (Certificates & { readonly verify?: boolean }) | undefined
}

/** A real nats-server on loopback, on a port of its own. */
export class NatsServer {
	readonly #directory: string
	readonly #options: NatsServerOptions
	#child: ChildProcess | undefined
	#port: number
	#log = ''

	constructor(directory: string, options: NatsServerOptions) {
		this.#directory = directory
		this.#options = options
		this.#port = options.port ?? 0
	}

	/** `127.0.0.1:34567` */
	get address(): string {
		return `127.0.0.1:${this.#port}`
	}

	get port(): number {
		return this.#port
	}

	get pid(): number | undefined {
		return this.#child?.pid
	}

	get running(): boolean {
		return this.#child !== undefined
	}

	/** What it has written so far. */
	get log(): string {
		return this.#log
	}

	/** Starts it; again after a `kill`, on the same port and with what JetStream had stored. Resolves when it accepts clients. */
	async start(): Promise<void> {
		if (natsServerVersion === undefined) throw new Error('There is no nats-server on the PATH')
		// It is to be the same when it is started again.
		this.#port ||= await closedPort()
		const config = join(this.#directory, 'nats.conf')
		await writeFile(config, this.#configuration())
		const child = spawn('nats-server', ['-c', config, '--ports_file_dir', this.#directory], {
			stdio: ['ignore', 'pipe', 'pipe'],
		})
		this.#child = child
		const read = (data: Buffer): void => void (this.#log = (this.#log + data.toString()).slice(-100_000))
		child.stdout.on('data', read)
		child.stderr.on('data', read)
		let ended: string | undefined
		child.on('error', error => (ended = error.message))
		child.on('exit', (code, signal) => {
			ended = `exit ${code ?? signal}`
			if (this.#child === child) this.#child = undefined
		})
		const startedAt = process.hrtime.bigint()
		// The file is there as soon as it listens.
		while (!(await this.#readPort(child.pid!))) {
			const waited = Number(process.hrtime.bigint() - startedAt) / 1e6
			if (ended !== undefined || waited > PATIENCE) {
				child.kill('SIGKILL')
				throw new Error(`nats-server did not start (${ended ?? `${PATIENCE} ms`}):\n${this.#log}`)
			}
			await delay(5)
		}
	}

	/** SIGKILL by default: nothing is said to anybody. */
	async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
		const child = this.#child
		if (child === undefined) return
		const exited = once(child, 'exit')
		child.kill(signal)
		await exited
		this.#child = undefined
	}

	/** SIGSTOP and SIGCONT: a server that is there, and silent. */
	pause(): void {
		this.#child?.kill('SIGSTOP')
	}

	resume(): void {
		this.#child?.kill('SIGCONT')
	}

	async #readPort(pid: number): Promise<boolean> {
		const name = (await readdir(this.#directory)).find(one => one.endsWith(`_${pid}.ports`))
		if (name === undefined) return false
		const text = await readFile(join(this.#directory, name), 'utf8')
		const port = /"(?:nats|tls):\/\/[^"]*:(\d+)"/.exec(text)?.[1]
		if (port === undefined) return false
		this.#port = Number(port)
		return true
	}

	#configuration(): string {
		const { jetstream, config = '', name, tls } = this.#options
		return [
			`listen: "127.0.0.1:${this.#port}"`,
			name === undefined ? '' : `server_name: ${JSON.stringify(name)}`,
			jetstream
				? `jetstream { store_dir: ${JSON.stringify(join(this.#directory, 'jetstream'))}, max_mem: 64MB, max_file: 1GB }`
				: '',
			tls === undefined
				? ''
				: `tls { cert_file: ${JSON.stringify(tls.certFile)}, key_file: ${JSON.stringify(tls.keyFile)}, ca_file: ${JSON.stringify(tls.caFile)}, verify: ${tls.verify ?? false}, timeout: 10 }`,
			// By itself the server waits 2 s for a client to say who it is, which is not long on a machine under load.
			/timeout:/.test(config) ? config : config.replace('authorization {', '$& timeout: 30,'),
			'',
		].join('\n')
	}
}

/** One server, gone with the test. */
export const startNatsServer = async (t: Lifetime, options: NatsServerOptions = {}): Promise<NatsServer> => {
	const { path, remove } = await temporaryDirectory()
	t.teardown(remove)
	const server = new NatsServer(path, options)
	t.teardown(async () => {
		server.resume()
		await server.kill()
	})
	await server.start()
	return server
}

/** A cluster of `size` servers, each with JetStream, gone with the test. Resolves when they have chosen a leader. */
export const startNatsCluster = async (
	t: Lifetime,
	{ size = 3, config = '' }: { readonly size?: number; readonly config?: string } = {},
): Promise<readonly NatsServer[]> => {
	const routes: number[] = []
	while (routes.length < size) routes.push(await closedPort())
	const list = routes.map(port => `"nats://127.0.0.1:${port}"`).join(', ')
	const servers: NatsServer[] = []
	for (const [index, port] of routes.entries()) {
		const { path, remove } = await temporaryDirectory()
		t.teardown(remove)
		const cluster = `cluster { name: test, listen: "127.0.0.1:${port}", routes: [${list}] }`
		const server = new NatsServer(path, {
			jetstream: true,
			name: `node-${index}`,
			config: `${cluster}\n${config}`,
		})
		t.teardown(async () => {
			server.resume()
			await server.kill()
		})
		servers.push(server)
	}
	await Promise.all(servers.map(server => server.start()))
	await waitFor(
		() =>
			servers.some(({ log }) =>
				/JetStream cluster new (?:metadata )?leader|Self is new JetStream cluster metadata leader/.test(log),
			),
		() => `The cluster has no leader:\n${servers.map(({ log }) => log).join('\n---\n')}`,
	)
	return servers
}
