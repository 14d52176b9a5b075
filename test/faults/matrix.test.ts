import test from 'ava'
import { atMost } from './at-most.ts'
import { cells, isPossible, runCell, sentenceOf } from './matrix.ts'
import { openScope } from './world.ts'

/** AVA would begin them all at once, and the last would wait for its first answer longer than connections live. */
const inTurn = atMost(16)

for (const cell of cells) {
	const one = isPossible(cell) ? test : test.skip
	one(sentenceOf(cell), async t => {
		const { breaches } = await inTurn(async () => {
			const scope = openScope()
			return runCell(cell, scope).finally(() => scope.end())
		})
		t.deepEqual(breaches, [])
	})
}
