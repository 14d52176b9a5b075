import { interposed } from '../support/interposed-file-system.ts'
import { open, snapshotOf } from '../support/snapshots.ts'

/**
 * Saves one snapshot and kills itself, as only SIGKILL does, at the step with the number that it is given: before it, or
 * within it (in the middle of a write, and after all else). Ends with 0 if the save has fewer steps.
 *
 *     node kill-child.js <directory> <version> <step> <before|within>
 */
const [directory, version, at, when] = process.argv.slice(2) as [string, string, string, string]

const die = (): Promise<never> => {
	process.kill(process.pid, 'SIGKILL')
	// The signal may take a moment, in which nothing more must reach the disk.
	return new Promise<never>(() => {})
}

let step = -1
const fileSystem = interposed(
	async (_, perform, partly) => {
		step++
		if (step !== Number(at)) return perform()
		if (when === 'before') return die()
		if (when === 'within' && partly !== undefined) await partly(11)
		else await perform()
		return die()
	},
	{ longestWrite: 53 },
)

// Whatever it is that the process is killed for, the loop must not end before.
const alive = setInterval(() => {}, 60_000)
await open(directory, { keep: 2, fileSystem }).save(snapshotOf(version, 900))
clearInterval(alive)
