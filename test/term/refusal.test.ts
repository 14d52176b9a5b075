import test from 'ava'
import { RemoteTermError, type ErrorCode } from '../../lib/core/errors.ts'
import { isSettled, refuse } from '../../lib/term/refusal.ts'

const error = (code: ErrorCode): RemoteTermError => new RemoteTermError(code, code)

for (const code of ['DESERIALIZE_FAILED', 'VALIDATION_FAILED', 'INFLATED_TOO_LARGE'] as const) {
	test(`${code} settles a version at once`, t => {
		const refusal = refuse(undefined, '"v1"', 'digest', error(code))
		t.true(isSettled(refusal))
	})
}

for (const code of ['INFLATE_FAILED', 'EMPTY_BODY', 'TOO_LARGE'] as const) {
	test(`${code} may be damage on the way, so only its repetition settles a version`, t => {
		const once = refuse(undefined, '"v1"', undefined, error(code))
		t.false(isSettled(once))
		t.true(isSettled(refuse(once, '"v1"', undefined, error(code))))
		t.false(isSettled(refuse(once, '"v2"', undefined, error(code))), 'another version begins anew')
	})
}

for (const code of [
	'FETCH_FAILED',
	'FETCH_INCOMPLETE',
	'FETCH_TIMEOUT',
	'PUT_FAILED',
	'TIMEOUT',
	'STOPPED',
] as const) {
	test(`${code} says nothing about the content`, t => {
		t.is(refuse(undefined, '"v1"', undefined, error(code)), undefined)
	})
}

test('what has no version cannot be asked about, and is never settled', t => {
	t.false(isSettled(refuse(undefined, undefined, 'digest', error('VALIDATION_FAILED'))))
})
