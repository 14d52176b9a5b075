import test from 'ava'
import { cells, isPossible, runCell, sentenceOf } from './matrix.ts'

for (const cell of cells) {
	const one = isPossible(cell) ? test : test.skip
	one(sentenceOf(cell), async t => {
		const { breaches } = await runCell(cell, t)
		t.deepEqual(breaches, [])
	})
}
