import test from 'ava'
import { FLAWS, NaiveTerm, type Flaw } from './naive-term.ts'
import { describeBreach, walk } from './walk.ts'

const STEPS = 400
/** Less than a walk has by default: some of these terms are never done, and are to be found out by that. */
const PATIENCE = 3_000

test('the laws find no breach in a naive term without a flaw', async t => {
	const report = await walk({ seed: 11, steps: STEPS, make: options => new NaiveTerm(options) }, t)
	t.is(report.breach, undefined, describeBreach(report))
})

/** The laws by which each flaw may be found out. */
const FOUND_BY: Readonly<Record<Flaw, readonly string[]>> = {
	'version-first': ['outcome-agrees', 'fails-as-allowed'],
	'gives-up': ['always-scheduled'],
	'sloppy-gunzip': ['fails-as-allowed'],
	credulous: ['only-published'],
	'leaks-timers': ['one-timer'],
	'empties-itself': ['never-back'],
	'in-place': ['only-published', 'outcome-agrees'],
	'hides-failures': ['truthful-health'],
	optimist: ['fails-as-allowed', 'truthful-health'],
	impatient: ['patient'],
	'lives-on': ['silent-after-stop', 'nothing-left'],
	'never-moves': ['fails-as-allowed', 'catches-up'],
}

for (const [flaw, does] of Object.entries(FLAWS) as Array<[Flaw, string]>) {
	test(`the laws find out a term that ${does}`, async t => {
		const { breach } = await walk(
			{ seed: 11, steps: STEPS, patience: PATIENCE, make: options => new NaiveTerm(options, flaw) },
			t,
		)
		t.true(breach !== undefined, 'no breach was found')
		t.true(FOUND_BY[flaw].includes(breach!.law), `${breach!.law}: ${breach!.breach}`)
	})
}
