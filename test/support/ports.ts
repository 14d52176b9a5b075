import { once } from 'node:events'
import { createServer } from 'node:net'

/*
 * A port that must be known before anybody listens to it, or while nobody does. One that the system had chosen (port 0)
 * and that was given back would be given to the next who asks, a test that runs beside for instance, or to a client's
 * end of a connection. So these are from below what systems choose from, and each process has a row of its own.
 */
const [FIRST, COUNT, ROW] = [10_000, 20_000, 64]
let taken = 0

/** A port on which nobody listens, and which nobody is given by chance. */
export const closedPort = async (): Promise<number> => {
	for (let tries = 0; tries < COUNT; tries++) {
		const port = FIRST + ((process.pid * ROW + taken++) % COUNT)
		if (await isFree(port)) return port
	}
	throw new Error(`Nothing is free from ${FIRST} to ${FIRST + COUNT}`)
}

const isFree = async (port: number): Promise<boolean> => {
	const server = createServer()
	try {
		await once(server.listen(port, '127.0.0.1'), 'listening')
	} catch {
		return false
	}
	server.close()
	await once(server, 'close')
	return true
}
