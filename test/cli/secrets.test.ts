import test from 'ava'
import { RemoteTermError } from '../../lib/core/errors.ts'
import { CliError, describeFailure, exitCodeOfFailure } from '../../lib/cli/failure.ts'
import {
	secretsOfEnvironment,
	secretsOfHeader,
	secretsOfUrl,
	secretsOfVariables,
} from '../../lib/cli/secrets.ts'

test('the secret of a header is its value, and the token within it', t => {
	t.deepEqual(secretsOfHeader('Authorization: Bearer abcdefgh-1'), ['Bearer abcdefgh-1', 'abcdefgh-1'])
	t.deepEqual(secretsOfHeader('Accept: */*'), [])
})

test('the secrets of a URL are its password, as it is written and as it is meant, and long values', t => {
	t.deepEqual(secretsOfUrl('https://me:p%40ss@example.com/x?signature=0123456789&format=json'), [
		...['p%40ss', 'p@ss', '0123456789'],
	])
	t.deepEqual(secretsOfUrl('s3://bucket/key?region=eu-central-1'), [])
	t.deepEqual(secretsOfUrl('no URL'), [])
})

test('the secrets of the environment are found by name, our own by what they hold', t => {
	const env = {
		AWS_SECRET_ACCESS_KEY: 'aws-secret',
		MY_TOKEN: 'true',
		HOME: '/home/somebody',
		X_SOURCE: 'https://a:first@x.example/ https://b:second@y.example/',
		X_HTTP_HEADERS: '{"x-api-key": "key-0123456"}',
	}
	t.deepEqual(secretsOfEnvironment(env), ['aws-secret'])
	t.deepEqual(secretsOfVariables(env, 'X'), ['first', 'second', 'key-0123456'])
})

test('a foreign error that quotes a secret does not spread it', t => {
	const cause = new Error('bad request for https://me:hunter22@example.com/', {
		cause: new AggregateError([new Error('token hunter2222 rejected'), 'hunter22']),
	})
	const error = new RemoteTermError('FETCH_FAILED', 'Cannot fetch with hunter22', { cause })
	const text = describeFailure(error, { secrets: ['hunter22', 'hunter2222'], verbose: true })
	t.is(
		text,
		[
			'remote-term: Cannot fetch with … (FETCH_FAILED)',
			'  caused by: Error: bad request for https://me:…@example.com/',
			'  caused by: AggregateError: ',
			'  caused by: Error: token … rejected',
			'  caused by: …',
			'',
		].join('\n'),
	)
})

test('causes that go in circles are told once', t => {
	const error = new Error('one')
	error.cause = new Error('two', { cause: error })
	const failed = new RemoteTermError('FETCH_FAILED', 'failed', { cause: error })
	t.is(
		describeFailure(failed, { verbose: true }),
		'remote-term: failed (FETCH_FAILED)\n  caused by: Error: one\n  caused by: Error: two\n',
	)
})

test('a hint fits the kind of source', t => {
	const denied = new RemoteTermError('FETCH_DENIED', 'denied')
	t.regex(describeFailure(denied, { kind: 's3' }), /\n {2}hint: .*AWS_SECRET_ACCESS_KEY/)
	t.regex(describeFailure(denied, { kind: 'http' }), /\n {2}hint: .*--header/)
	t.notRegex(describeFailure(denied, { kind: 'environment' }), /hint/)
	t.is(describeFailure(new CliError('PATH_NOT_FOUND', 'no'), {}), 'remote-term: no (PATH_NOT_FOUND)\n')
})

test('what nobody has foreseen is a defect: exit code 70, and its stack on demand', t => {
	const error = new TypeError('x is not a function')
	t.is(exitCodeOfFailure(error), 70)
	t.is(describeFailure(error), 'remote-term: x is not a function (INTERNAL)\n')
	t.regex(describeFailure(error, { verbose: true }), /\n {4}at /)
	t.is(exitCodeOfFailure('thrown'), 70)
})
