import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import type { Lifetime } from './lifetime.ts'

/** A way to a server on loopback that can be cut, and on which what the server says can be held back. */
export class TcpProxy {
	/** How many bytes clients have sent, by whatever connection. */
	sent = 0
	readonly #target: () => number
	readonly #server: Server
	readonly #pairs = new Set<readonly [client: Socket, upstream: Socket]>()
	#breaksAt = Infinity
	#isCut = false
	#isHeld = false

	constructor(target: () => number) {
		this.#target = target
		this.#server = createServer(client => this.#accept(client))
	}

	/** `127.0.0.1:34567` */
	get address(): string {
		return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
	}

	async listen(): Promise<void> {
		this.#server.listen(0, '127.0.0.1')
		await once(this.#server, 'listening')
	}

	/** What stands falls, and what is tried fails. */
	cut(): void {
		this.#isCut = true
		for (const pair of [...this.#pairs]) this.#end(pair)
	}

	mend(): void {
		this.#isCut = false
	}

	/** Each connection falls, once, as soon as clients have sent so many more bytes; the last of them get nowhere. */
	breakAfter(bytes: number): void {
		this.#breaksAt = this.sent + bytes
	}

	/** Nothing that the server says gets through, until `release`; then all of it does. */
	hold(): void {
		this.#isHeld = true
		for (const [, upstream] of this.#pairs) upstream.pause()
	}

	release(): void {
		this.#isHeld = false
		for (const [, upstream] of this.#pairs) upstream.resume()
	}

	async close(): Promise<void> {
		this.cut()
		this.#server.close()
		await once(this.#server, 'close')
	}

	#accept(client: Socket): void {
		if (this.#isCut) return void client.destroy()
		const upstream = connect(this.#target(), '127.0.0.1')
		const pair = [client, upstream] as const
		this.#pairs.add(pair)
		client.on('data', data => {
			this.sent += data.length
			if (this.sent >= this.#breaksAt) {
				this.#breaksAt = Infinity
				this.#end(pair)
			} else upstream.write(data)
		})
		upstream.on('data', data => client.write(data))
		if (this.#isHeld) upstream.pause()
		for (const socket of pair) {
			socket.setNoDelay(true)
			socket.on('error', () => {})
			socket.on('close', () => this.#end(pair))
		}
	}

	#end(pair: readonly [Socket, Socket]): void {
		this.#pairs.delete(pair)
		for (const socket of pair) socket.destroy()
	}
}

/** @param target The port of the server: asked for each connection, since a server may move. */
export const startTcpProxy = async (t: Lifetime, target: () => number): Promise<TcpProxy> => {
	const proxy = new TcpProxy(target)
	await proxy.listen()
	t.teardown(() => proxy.close())
	return proxy
}
