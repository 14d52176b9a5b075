import { getEventListeners } from 'node:events'
import test from 'ava'
import { RemoteTermError } from '../../lib/core/errors.ts'
import { TimeLimit } from '../../lib/core/time-limit.ts'
import { FakeClock } from '../../lib/testing/fake-clock.ts'

const late = (): RemoteTermError => new RemoteTermError('TIMEOUT', 'too late')

test('it is aborted when the time is over, with the error that it was given', async t => {
	const clock = new FakeClock()
	const limit = new TimeLimit(clock, 100, { error: late })
	await clock.advance(99)
	t.false(limit.signal.aborted)
	await clock.advance(1)
	t.is((limit.signal.reason as RemoteTermError).code, 'TIMEOUT')
})

test('it is aborted with whichever outer signal is first, and leaves nothing behind in any', t => {
	const clock = new FakeClock()
	const [one, other] = [new AbortController(), new AbortController()]
	const outer = [one.signal, undefined, other.signal]
	const limit = new TimeLimit(clock, 100, { error: late, outer })
	other.abort(new RemoteTermError('STOPPED', 'over'))
	t.is((limit.signal.reason as RemoteTermError).code, 'STOPPED')
	t.is(clock.pendingTimers, 0)
	t.true(new TimeLimit(clock, 100, { error: late, outer }).signal.aborted)
	t.is(clock.pendingTimers, 0)
	one.abort()
	t.is((limit.signal.reason as RemoteTermError).message, 'over')
})

test('one that was disposed of has neither a timer nor a listener, and is not aborted', async t => {
	const clock = new FakeClock()
	const outer = new AbortController()
	const limit = new TimeLimit(clock, 100, { error: late, outer: [outer.signal] })
	limit[Symbol.dispose]()
	t.is(clock.pendingTimers, 0)
	outer.abort()
	await clock.advance(1_000)
	t.false(limit.signal.aborted)
})

test('however many follow a signal, they share one listener', t => {
	const clock = new FakeClock()
	const outer = new AbortController()
	const limits = Array.from(
		{ length: 100 },
		() => new TimeLimit(clock, 100, { error: late, outer: [outer.signal] }),
	)
	t.is(getEventListeners(outer.signal, 'abort').length, 1)
	outer.abort(new RemoteTermError('STOPPED', 'over'))
	t.true(limits.every(({ signal }) => signal.aborted))
	t.is(clock.pendingTimers, 0)
})
