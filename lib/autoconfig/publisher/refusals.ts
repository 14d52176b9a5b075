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

/** In seconds: after so long it may be tried again; where there are many who will, so much longer at most, by chance. */
const RETRY_AFTER = 1
const RETRY_SPREAD = 10

const retryAfter = (why: StreamRefusal, random: () => number): number =>
	RETRY_AFTER + (why === 'full' ? Math.floor(random() * RETRY_SPREAD) : 0)

/** 503 (RFC 9457), and never an empty `put`: what is not known yet is not nothing. */
export const refusal = (why: StreamRefusal, random: () => number): Response =>
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
				'retry-after': String(retryAfter(why, random)),
			},
		},
	)
