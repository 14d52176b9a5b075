import test from 'ava'
import { RemoteTermError, type ErrorCode } from '../../lib/core/errors.ts'
import { isSameContent, isSettled, refuse } from '../../lib/term/refusal.ts'

const HOUR = 3_600_000

const state = (version: string | undefined, code: ErrorCode, mendable = false) => ({
	version,
	digest: 'digest',
	mendable,
	error: new RemoteTermError(code, code),
	at: 0,
})

for (const code of [
	'DESERIALIZE_FAILED',
	'VALIDATION_FAILED',
	'INFLATED_TOO_LARGE',
	'DOWNGRADE_REFUSED',
] as const) {
	test(`${code} settles a version at once`, t => {
		const refusal = refuse(undefined, state('"v1"', code))
		t.true(isSettled(refusal, 0))
	})
}

for (const code of ['INFLATE_FAILED', 'EMPTY_BODY', 'TOO_LARGE'] as const) {
	test(`${code} may be damage on the way, so only its repetition settles a version`, t => {
		const once = refuse(undefined, state('"v1"', code))
		t.false(isSettled(once, 0))
		t.true(isSettled(refuse(once, state('"v1"', code)), 0))
		t.false(isSettled(refuse(once, state('"v2"', code)), 0), 'another version begins anew')
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
		t.is(refuse(undefined, state('"v1"', code)), undefined)
	})
}

test('what has no version cannot be asked about, and is never settled', t => {
	t.false(isSettled(refuse(undefined, state(undefined, 'VALIDATION_FAILED')), 0))
})

for (const code of ['SIGNATURE_MISSING', 'SIGNATURE_INVALID', 'ROLLBACK_REFUSED'] as const) {
	test(`${code} is looked at anew each time, since a signature is mended without touching the content`, t => {
		const once = refuse(undefined, state('"v1"', code))
		t.is(once?.error.code, code)
		t.false(isSettled(refuse(once, state('"v1"', code)), 0))
	})
}

test('what was refused is judged again after an hour, as the verdict may have been a mood', t => {
	const refusal = refuse(undefined, state('"v1"', 'VALIDATION_FAILED'))
	t.true(isSettled(refusal, HOUR - 1))
	t.true(isSameContent(refusal, 'digest', HOUR - 1))
	t.false(isSettled(refusal, HOUR))
	t.false(isSameContent(refusal, 'digest', HOUR))
})

test('what lies beside the content settles nothing, whatever was wrong with it', t => {
	for (const code of ['DIGEST_MISMATCH', 'TOO_LARGE', 'INFLATED_TOO_LARGE', 'INFLATE_FAILED'] as const) {
		const once = refuse(undefined, state('"v1"', code, true))
		const twice = refuse(once, state('"v1"', code, true))
		t.is(twice?.error.code, code)
		t.false(isSettled(twice, 0))
		t.false(isSameContent(twice, 'digest', 0))
	}
})
