import type { ErrorCode } from '../core/errors.ts'

/** The one table of exit codes: what commands end with, what `--help` prints, and what docs/cli.md is tested against. */
export const EXIT_CODES = [
	{
		code: 0,
		meaning: 'Done. Also: the reader of the output left early (`| head`), or `watch` was told to end',
		errors: [],
	},
	{
		code: 1,
		meaning: 'The source failed: not reachable, not there, refused us, or did not answer in time',
		errors: [
			'FETCH_FAILED',
			'FETCH_TIMEOUT',
			'FETCH_INCOMPLETE',
			'FETCH_NOT_FOUND',
			'FETCH_DENIED',
			'FETCH_THROTTLED',
			'FETCH_STATUS',
			'FETCH_REDIRECT',
			'TIMEOUT',
			'TRANSPORT_FAILED',
			'SUBSCRIPTION_LOST',
		],
	},
	{
		code: 2,
		meaning: 'The command was wrong: unknown option, bad value, no SOURCE, a source that cannot be used',
		errors: ['INVALID_OPTION', 'SETUP_FAILED'],
	},
	{
		code: 3,
		meaning:
			'The data came and was refused: empty, too large, corrupt, not properly signed, or not what the codec reads; or a gateway has refused it, or has another version',
		errors: [
			'EMPTY_BODY',
			'TOO_LARGE',
			'INFLATED_TOO_LARGE',
			'INFLATE_FAILED',
			'DIGEST_MISMATCH',
			'DESERIALIZE_FAILED',
			'VALIDATION_FAILED',
			'SIGNATURE_MISSING',
			'SIGNATURE_INVALID',
			'ROLLBACK_REFUSED',
			'DRIFT_REFUSED',
			'NOT_WANTED',
			'VERSION_UNAVAILABLE',
			'CONFLICT',
			'DOWNGRADE_REFUSED',
			'ORIGIN_REFUSED',
			'VERSION_MISMATCH',
		],
	},
	{ code: 4, meaning: 'The value has nothing at `--path`', errors: ['PATH_NOT_FOUND'] },
	{
		code: 5,
		meaning: 'The output could not be written, for example to a full disk',
		errors: ['OUTPUT_FAILED', 'SNAPSHOT_FAILED', 'DATABASE_FAILED'],
	},
	{
		code: 70,
		meaning: 'A defect of remote-term itself: please report it',
		errors: ['NOT_STARTED', 'PUT_FAILED', 'WORKER_FAILED', 'INTERNAL'],
	},
	{ code: 130, meaning: 'Interrupted (SIGINT, ^C) before it was done', errors: [] },
	{ code: 143, meaning: 'Terminated (SIGTERM) before it was done', errors: ['STOPPED'] },
] as const satisfies ReadonlyArray<{
	readonly code: number
	readonly meaning: string
	readonly errors: readonly FailureCode[]
}>

/** What only the command line can fail with. */
type OwnCode = 'PATH_NOT_FOUND' | 'OUTPUT_FAILED' | 'VERSION_MISMATCH' | 'INTERNAL'

/** What stands in brackets behind an error message. */
export type FailureCode = ErrorCode | OwnCode

type Row = (typeof EXIT_CODES)[number]
export type ExitCode = Row['code']

/** Does not compile if the table above leaves an error code out. */
type Listed = Row['errors'][number]
const codeOf: Readonly<Record<FailureCode, ExitCode>> = Object.fromEntries(
	EXIT_CODES.flatMap(({ code, errors }) => errors.map(error => [error, code])),
) satisfies Record<string, ExitCode> as Readonly<Record<Listed, ExitCode>>

/** Whether a code that somebody else has sent is one of ours. */
export const isFailureCode = (code: string): code is FailureCode => Object.hasOwn(codeOf, code)

export const exitCodeOf = (code: FailureCode): ExitCode => codeOf[code]

/** What a shell expects of a command that a signal ended before it was done: 128 and the signal's number. */
export const exitCodeOfSignal = (signal: EndingSignal): ExitCode => (signal === 'SIGINT' ? 130 : 143)

export const ENDING_SIGNALS = ['SIGINT', 'SIGTERM'] as const
export type EndingSignal = (typeof ENDING_SIGNALS)[number]
