import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Scope } from '../world.ts'

/** A real HTTP server on loopback that can be shut, and opened again on the same port. */
export class Listener {
	readonly server: Server
	readonly #sockets = new Set<Socket>()
	#port = 0

	private constructor(listener: RequestListener) {
		this.server = createServer(listener)
		this.server.on('connection', socket => {
			this.#sockets.add(socket)
			socket.on('close', () => this.#sockets.delete(socket)).on('error', () => {})
		})
	}

	static async open(scope: Scope, listener: RequestListener): Promise<Listener> {
		const one = new Listener(listener)
		scope.teardown(() => one.shut())
		await one.open()
		return one
	}

	get port(): number {
		return this.#port
	}

	get openSockets(): number {
		return this.#sockets.size
	}

	async open(): Promise<void> {
		if (this.server.listening) return
		this.server.listen(this.#port, '127.0.0.1')
		await once(this.server, 'listening')
		this.#port = (this.server.address() as AddressInfo).port
	}

	/** Breaks what is open and refuses what comes. */
	async shut(): Promise<void> {
		if (!this.server.listening) return
		const closed = once(this.server, 'close')
		this.server.close()
		this.server.closeAllConnections()
		await closed
	}

	/** Breaks what is open, so that whoever comes has to look the address up again. */
	disconnect(): void {
		for (const socket of this.#sockets) socket.destroy()
	}
}
