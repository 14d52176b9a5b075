import type { ErrorCode } from '../../lib/core/errors.ts'
import type { Damage, Mistake } from './damage.ts'

/** The places that a term can come from here, each with a harness that misbehaves on command. */
export type SourceKind = 'http' | 's3' | 'file' | 'memory' | 'failover'

/** What a source, or what lies between it and the term, does instead of answering as it should. */
export type Behaviour =
	/** Nobody listens. */
	| { readonly act: 'refuse' }
	/** The name has no address. */
	| { readonly act: 'unresolvable' }
	| { readonly act: 'reset' | 'silence'; readonly at: 'head' | 'body' }
	/** The whole body, in crumbs. */
	| { readonly act: 'trickle' }
	/** The connection ends in good order before the announced length, or goes on behind it. */
	| { readonly act: 'short' | 'long' }
	/** Half a body that announces no length and ends with its connection. */
	| { readonly act: 'unframed-half' }
	| { readonly act: 'status'; readonly status: number; readonly headers?: Readonly<Record<string, string>> }
	| { readonly act: 'redirect'; readonly to: 'itself' | 'ever-elsewhere' | 'nowhere' }
	/** A new edition is published, and damaged on its way. */
	| { readonly act: 'damage'; readonly how: Damage }
	| { readonly act: 'mistake'; readonly what: Mistake }
	/** New content under the name of the old: confirmed with a 304, or sent all the same. */
	| { readonly act: 'same-tag'; readonly answers: '304' | '200' }
	/** The old content under a new name with each answer. */
	| { readonly act: 'new-tags' }
	| { readonly act: 'no-tags' }
	| { readonly act: 'go-back' }
	| { readonly act: 'not-modified' }
	| { readonly act: 'wrong-checksum' }
	/** What happens to a file, in place of new content. */
	| { readonly act: 'file'; readonly becomes: FileFate }
	/** The term's own code throws: not the source's fault, but the term has to live with it. */
	| { readonly act: 'throw'; readonly in: 'deserialize' | 'validate' | 'put' | 'listener' }
	| { readonly act: 'jump'; readonly by: number }
	/** Two sources. */
	| { readonly act: 'disagree'; readonly how: 'first-down' | 'second-lags' | 'take-turns' | 'both-down' }

export type FileFate = 'rewritten' | 'cut' | 'emptied' | 'deleted' | 'a directory' | 'unreadable' | 'dangling'

/** What a refresh may come to while a fault lasts: errors of these codes, or any success. */
export type Allowed = readonly ErrorCode[] | 'success'

/** `cold`: the term has nothing from this source yet. `warm`: it has, and asks whether that has changed. */
export interface Expectation {
	readonly cold: Allowed
	readonly warm: Allowed
}

export interface Fault {
	readonly name: string
	/** As in "under …". */
	readonly title: string
	readonly does: Behaviour
	/** Where it can be had, and what it may lead to there. */
	readonly at: Partial<Record<SourceKind, Expectation>>
}

const ever = (...codes: readonly ErrorCode[]): Expectation => ({ cold: codes, warm: codes })
const harmless: Expectation = { cold: 'success', warm: 'success' }

const everywhere = (expectation: Expectation): Fault['at'] => ({
	http: expectation,
	s3: expectation,
	file: expectation,
	memory: expectation,
})
const overNetworks = (expectation: Expectation): Fault['at'] => ({
	http: expectation,
	s3: expectation,
	memory: expectation,
})

const DAY = 24 * 3_600_000

const connection: readonly Fault[] = [
	{
		name: 'refused',
		title: 'a connection that is refused',
		does: { act: 'refuse' },
		at: overNetworks(ever('FETCH_FAILED')),
	},
	{
		name: 'unresolvable',
		title: 'a name that has no address',
		does: { act: 'unresolvable' },
		at: { http: ever('FETCH_FAILED'), memory: ever('FETCH_FAILED') },
	},
	{
		name: 'reset',
		title: 'a connection that is reset before the answer',
		does: { act: 'reset', at: 'head' },
		at: overNetworks(ever('FETCH_FAILED')),
	},
	{
		name: 'reset-in-body',
		title: 'a reset in mid-body',
		does: { act: 'reset', at: 'body' },
		// Some versions of Node report the reset, others only the end.
		at: overNetworks(ever('FETCH_INCOMPLETE', 'FETCH_FAILED')),
	},
	{
		name: 'stalled',
		title: 'an answer that never comes',
		does: { act: 'silence', at: 'head' },
		at: overNetworks(ever('FETCH_TIMEOUT', 'TIMEOUT')),
	},
	{
		name: 'stalled-in-body',
		title: 'a body that stops coming',
		does: { act: 'silence', at: 'body' },
		at: overNetworks(ever('FETCH_TIMEOUT', 'TIMEOUT')),
	},
	{
		name: 'trickle',
		title: 'a body in crumbs',
		does: { act: 'trickle' },
		at: { http: harmless, memory: harmless },
	},
	{
		name: 'short',
		title: 'a body shorter than announced',
		does: { act: 'short' },
		at: overNetworks(ever('FETCH_INCOMPLETE', 'FETCH_FAILED')),
	},
	{
		name: 'long',
		title: 'a body longer than announced',
		does: { act: 'long' },
		at: { http: ever('FETCH_INCOMPLETE'), memory: ever('FETCH_INCOMPLETE') },
	},
	{
		name: 'unframed-half',
		title: 'half a body of unknown length',
		does: { act: 'unframed-half' },
		at: { http: ever('INFLATE_FAILED'), memory: ever('INFLATE_FAILED') },
	},
]

const status = (
	code: number,
	title: string,
	expectation: Expectation,
	headers?: Readonly<Record<string, string>>,
	s3: Expectation = expectation,
): Fault => ({
	name: `status-${code}${headers === undefined ? '' : '-retry-after'}`,
	title,
	does: { act: 'status', status: code, ...(headers && { headers }) },
	at: { http: expectation, memory: expectation, s3 },
})

const redirect = (to: Extract<Behaviour, { act: 'redirect' }>['to'], title: string): Fault => ({
	name: `redirect-${to.replaceAll(' ', '-')}`,
	title,
	does: { act: 'redirect', to },
	at: { http: ever('FETCH_REDIRECT'), memory: ever('FETCH_REDIRECT') },
})

const answers: readonly Fault[] = [
	status(204, 'a 204', ever('FETCH_STATUS'), undefined, ever('FETCH_INCOMPLETE', 'EMPTY_BODY')),
	status(404, 'a 404', ever('FETCH_NOT_FOUND')),
	status(401, 'a 401', ever('FETCH_DENIED')),
	status(403, 'a 403', ever('FETCH_DENIED')),
	status(429, 'a 429 with Retry-After', ever('FETCH_THROTTLED'), { 'retry-after': '300' }),
	status(500, 'a 500', ever('FETCH_STATUS')),
	status(503, 'a 503 with Retry-After', ever('FETCH_STATUS'), { 'retry-after': '300' }),
	redirect('itself', 'a redirect loop'),
	redirect('ever-elsewhere', 'redirects without end'),
	redirect('nowhere', 'a redirect without a target'),
	{
		name: 'not-modified',
		title: 'a 304 to whatever is asked',
		does: { act: 'not-modified' },
		at: {
			http: { cold: ['FETCH_STATUS'], warm: 'success' },
			s3: { cold: ['FETCH_STATUS'], warm: 'success' },
			memory: { cold: ['FETCH_STATUS'], warm: 'success' },
		},
	},
]

const damage = (how: Damage, title: string, ...codes: readonly ErrorCode[]): Fault => ({
	name: how,
	title,
	does: { act: 'damage', how },
	at: everywhere(ever(...codes)),
})

const mistake = (what: Mistake, title: string, ...codes: readonly ErrorCode[]): Fault => ({
	name: what,
	title,
	does: { act: 'mistake', what },
	at: everywhere(ever(...codes)),
})

const bodies: readonly Fault[] = [
	damage('truncated', 'a truncated gzip', 'INFLATE_FAILED', 'DESERIALIZE_FAILED'),
	damage('without-trailer', 'a gzip without its trailer', 'INFLATE_FAILED'),
	damage('corrupt', 'a flipped bit', 'INFLATE_FAILED'),
	damage('wrong-magic', 'a flipped bit in the magic number', 'DESERIALIZE_FAILED', 'INFLATE_FAILED'),
	damage('trailing-garbage', 'garbage behind the gzip', 'INFLATE_FAILED'),
	damage('empty', 'an empty body', 'EMPTY_BODY', 'INFLATE_FAILED'),
	mistake('html', 'an HTML error page with status 200', 'DESERIALIZE_FAILED'),
	mistake('invalid-json', 'invalid JSON', 'DESERIALIZE_FAILED'),
	mistake('invalid-utf-8', 'invalid UTF-8', 'DESERIALIZE_FAILED'),
	mistake('null', 'null', 'VALIDATION_FAILED'),
	mistake('empty-object', 'an empty object', 'VALIDATION_FAILED'),
	mistake('empty-array', 'an empty list', 'VALIDATION_FAILED'),
	mistake('wrong-types', 'a document that violates its schema', 'VALIDATION_FAILED'),
	mistake('gzip-of-nothing', 'a gzip of nothing', 'EMPTY_BODY'),
	mistake('oversize', 'a body over the limit', 'TOO_LARGE'),
	mistake('bomb', 'a decompression bomb', 'INFLATED_TOO_LARGE'),
	{
		name: 'wrong-checksum',
		title: 'a checksum that does not fit',
		does: { act: 'wrong-checksum' },
		at: { s3: ever('DIGEST_MISMATCH') },
	},
]

const lies: readonly Fault[] = [
	{
		name: 'same-tag-304',
		title: 'new content that the source denies',
		does: { act: 'same-tag', answers: '304' },
		at: { http: harmless, s3: harmless, memory: harmless },
	},
	{
		name: 'same-tag-200',
		title: 'new content under the old ETag',
		does: { act: 'same-tag', answers: '200' },
		at: { http: harmless, memory: harmless },
	},
	{
		name: 'new-tags',
		title: 'a new ETag for the same content each time',
		does: { act: 'new-tags' },
		at: { http: harmless, s3: harmless, memory: harmless },
	},
	{
		name: 'no-tags',
		title: 'validators that are gone',
		does: { act: 'no-tags' },
		at: { http: harmless, s3: harmless, memory: harmless },
	},
	{
		name: 'go-back',
		title: 'a version that goes back',
		does: { act: 'go-back' },
		at: { http: harmless, s3: harmless, file: harmless, memory: harmless },
	},
]

const file = (becomes: FileFate, title: string, expectation: Expectation): Fault => ({
	name: `file-${becomes.replaceAll(' ', '-')}`,
	title,
	does: { act: 'file', becomes },
	at: { file: expectation },
})

const files: readonly Fault[] = [
	file('rewritten', 'a file rewritten in place', harmless),
	file('cut', 'a file cut in place', ever('INFLATE_FAILED')),
	file('emptied', 'a file emptied in place', ever('EMPTY_BODY')),
	file('deleted', 'a file that is deleted', ever('FETCH_NOT_FOUND')),
	file('a directory', 'a file turned into a directory', ever('FETCH_FAILED')),
	file('unreadable', 'a file that may no longer be read', ever('FETCH_DENIED')),
	file('dangling', 'a symbolic link to nothing', ever('FETCH_NOT_FOUND')),
]

const own = (where: Extract<Behaviour, { act: 'throw' }>['in'], expectation: Expectation): Fault => ({
	name: `throwing-${where}`,
	title: `a \`${where}\` that throws`,
	does: { act: 'throw', in: where },
	at: everywhere(expectation),
})

const disagreement = (
	how: Extract<Behaviour, { act: 'disagree' }>['how'],
	title: string,
	expectation: Expectation,
): Fault => ({ name: how, title, does: { act: 'disagree', how }, at: { failover: expectation } })

const surroundings: readonly Fault[] = [
	own('deserialize', ever('DESERIALIZE_FAILED')),
	own('validate', ever('VALIDATION_FAILED')),
	own('put', ever('PUT_FAILED')),
	own('listener', harmless),
	{
		name: 'clock-forwards',
		title: 'a clock that jumps a day forwards',
		does: { act: 'jump', by: DAY },
		at: { ...everywhere(harmless), failover: harmless },
	},
	{
		name: 'clock-backwards',
		title: 'a clock that jumps a day backwards',
		does: { act: 'jump', by: -DAY },
		at: { ...everywhere(harmless), failover: harmless },
	},
	disagreement('first-down', 'a first source that is down', harmless),
	disagreement('second-lags', 'a first source that is down, and a second that lags behind', {
		cold: 'success',
		warm: 'success',
	}),
	disagreement('take-turns', 'two sources that take turns in failing and lag behind one another', harmless),
	disagreement('both-down', 'two sources that are down', ever('FETCH_FAILED')),
]

/** Everything that may go wrong here, once. */
export const faults: readonly Fault[] = [
	...connection,
	...answers,
	...bodies,
	...lies,
	...files,
	...surroundings,
]

export const faultNamed = (name: string): Fault => {
	const found = faults.find(fault => fault.name === name)
	if (found === undefined) throw new Error(`There is no fault called ${name}`)
	return found
}
