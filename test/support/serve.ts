import { once } from 'node:events'
import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net'
import type { Lifetime } from './lifetime.ts'

/** A real HTTP server on loopback, on a port of its own, gone with the test. */
export const serve = async (
	t: Lifetime,
	listener: RequestListener,
): Promise<{ url: URL; server: Server }> => {
	const server = createHttpServer(listener).listen(0, '127.0.0.1')
	await once(server, 'listening')
	t.teardown(() => {
		server.close()
		server.closeAllConnections()
	})
	return { url: urlOf(server.address() as AddressInfo), server }
}

/** A TCP server that speaks as raw as the test wants it to: half answers, wrong lengths, silence. */
export const serveRaw = async (
	t: Lifetime,
	onConnection: (socket: Socket) => void,
): Promise<{ url: URL }> => {
	const sockets = new Set<Socket>()
	const server = createTcpServer(socket => {
		sockets.add(socket)
		socket.on('close', () => sockets.delete(socket)).on('error', () => {})
		onConnection(socket)
	}).listen(0, '127.0.0.1')
	await once(server, 'listening')
	t.teardown(() => {
		server.close()
		for (const socket of sockets) socket.destroy()
	})
	return { url: urlOf(server.address() as AddressInfo) }
}

const urlOf = ({ port }: AddressInfo): URL => new URL(`http://127.0.0.1:${port}/`)
