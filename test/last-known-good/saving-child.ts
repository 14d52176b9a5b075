import { open, snapshotOf } from '../support/snapshots.ts'

/**
 * Saves `count` snapshots of one term into a directory that it shares with others, and prints how many succeeded.
 *
 *     node saving-child.js <directory> <name> <label> <count>
 */
const [directory, name, label, count] = process.argv.slice(2) as [string, string, string, string]
const store = open(directory, { name, keep: 2 })
let saved = 0
for (let index = 0; index < Number(count); index++) {
	// Sizes that differ, so that a mixture of two files would not fit.
	await store.save(snapshotOf(`${label}-${index}`, 1000 + index * 37))
	saved++
}
process.stdout.write(String(saved))
