import test from 'ava'
import { describeBreach, walk } from './walk.ts'

for (const seed of [1, 2, 3, 4, 5]) {
	test(`no law is broken in 2000 refreshes under faults of chance, seed ${seed}`, async t => {
		const report = await walk({ seed, steps: 2000 }, t)
		t.is(report.breach, undefined, describeBreach(report))
		t.true(report.steps >= 2000)
	})
}

for (const [kind, steps] of [
	['http', 150],
	['file', 100],
] as const) {
	test(`no law is broken in ${steps} refreshes over real ${kind === 'http' ? 'HTTP' : 'files'} under faults of chance`, async t => {
		const report = await walk({ seed: 7, steps, kind }, t)
		t.is(report.breach, undefined, describeBreach(report))
	})
}
