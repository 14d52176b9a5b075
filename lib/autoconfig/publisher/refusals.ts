/** Why no stream is begun. */
export type StreamRefusal = 'starting' | 'stale' | 'full' | 'closed'

const DETAILS: Readonly<Record<StreamRefusal, string>> = {
	starting: 'There is no complete configuration yet',
	stale: 'What there is may be older than what you have',
	full: 'There are as many streams as there may be',
	closed: 'The server is about to end',
}

const CODES: Readonly<Record<StreamRefusal, string>> = {
	starting: 'NOT_STARTED',
	stale: 'UNAVAILABLE',
	full: 'UNAVAILABLE',
	closed: 'STOPPED',
}

/**
 * 503 (RFC 9457), and never an empty `put`: what is not known yet is not nothing.
 *
 * @param seconds after which it may be tried again
 */
export const refusal = (why: StreamRefusal, seconds: number): Response =>
	new Response(
		JSON.stringify({
			type: 'about:blank',
			title: 'Service Unavailable',
			status: 503,
			detail: DETAILS[why],
			code: CODES[why],
		}),
		{
			status: 503,
			headers: {
				'content-type': 'application/problem+json',
				'cache-control': 'no-store',
				'retry-after': String(seconds),
			},
		},
	)
