import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Contender, ContenderCall, LocalName, Timing } from './workload.ts'

/**
 * A contender that has a heap, a garbage collector and an event loop to itself, and is told what to do between
 * measurements only: so none pays for what another has left behind.
 */
export const inOwnProcess = async (name: LocalName, directory: string): Promise<Contender> => {
	const main = fileURLToPath(new URL('./contender-process.js', import.meta.url))
	const child = fork(main, [name, directory])
	const exited = once(child, 'exit')
	const message = async (): Promise<unknown> => {
		const [said] = (await Promise.race([
			once(child, 'message'),
			exited.then(([code]) => {
				throw new Error(`${name} ended with ${String(code)}`)
			}),
		])) as [unknown]
		return said
	}
	const ask = (call: ContenderCall): Promise<unknown> => {
		const answered = message()
		child.send(call)
		return answered
	}
	await message()
	return {
		time: async workload => (await ask({ do: 'time', workload })) as Timing,
		fill: async filling => void (await ask({ do: 'fill', filling })),
		close: async () => {
			child.send({ do: 'close' } satisfies ContenderCall)
			await exited
		},
	}
}
