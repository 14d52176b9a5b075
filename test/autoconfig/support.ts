import type { Dispatcher } from 'undici'
import { Connection, type ConnectionOptions, type EventOutcome } from '../../lib/autoconfig/connection.ts'
import type { StreamEvent } from '../../lib/autoconfig/event-parser.ts'
import { RETRY_DEFAULTS } from '../../lib/autoconfig/retry-policy.ts'
import type { RemoteTermError } from '../../lib/core/errors.ts'
import { silentLogger } from '../../lib/core/logger.ts'
import { FakeClock } from '../../lib/testing/fake-clock.ts'
import type { Lifetime } from '../support/lifetime.ts'
import { waitFor } from '../support/wait.ts'

/** Waits, turn by turn, for a fact. */
export const fact = (what: string, holds: () => boolean): Promise<void> =>
	waitFor(holds, () => `It never came about that ${what}`)

/** A server whose answers are what the test says, chunk by chunk, with nothing in between that could join them. */
export interface Script {
	readonly chunks: readonly Uint8Array[]
	/** `hold` until it is told to end. */
	readonly end: 'end' | 'hold'
}

export interface ScriptedServer {
	readonly dispatcher: Dispatcher
	/** The headers of each request, oldest first. */
	readonly requests: Array<Record<string, string>>
	/** How many chunks of the last answer have been read, and dealt with. */
	readonly dealt: number
	/** Ends the answer that is held. */
	end(): void
}

export const scriptedServer = (scripts: readonly Script[]): ScriptedServer => {
	const requests: Array<Record<string, string>> = []
	let dealt = 0
	let endHeld = (): void => {}
	const request = ({ headers, signal }: Dispatcher.RequestOptions): Promise<unknown> => {
		const script = scripts[requests.length] ?? { chunks: [], end: 'hold' as const }
		requests.push({ ...(headers as Record<string, string>) })
		dealt = 0
		const held = new Promise<void>((resolve, reject) => {
			endHeld = resolve
			;(signal as AbortSignal).addEventListener('abort', () => reject(new Error('aborted')), { once: true })
		})
		held.catch(() => {})
		const body = async function* (): AsyncGenerator<Uint8Array> {
			for (const chunk of script.chunks) {
				yield chunk
				dealt++
			}
			if (script.end === 'hold') await held
		}
		return Promise.resolve({
			statusCode: 200,
			headers: { 'content-type': 'text/event-stream' },
			body: body(),
		})
	}
	return {
		dispatcher: { request } as unknown as Dispatcher,
		requests,
		get dealt() {
			return dealt
		},
		end: () => endHeld(),
	}
}

export interface Recording {
	readonly connection: Connection
	readonly clock: FakeClock
	readonly events: StreamEvent[]
	readonly disconnects: Array<RemoteTermError | undefined>
	readonly comments: string[]
}

/** A connection without jitter on a clock that stands still, and what it tells. */
export const record = (
	t: Lifetime,
	options: Partial<ConnectionOptions> & { readonly url: URL },
): Recording => {
	const clock = new FakeClock()
	const events: StreamEvent[] = []
	const disconnects: Array<RemoteTermError | undefined> = []
	const comments: string[] = []
	const connection = new Connection({
		token: 'key',
		headers: {},
		dispatcher: undefined,
		connectTimeout: 10_000,
		readTimeout: 300_000,
		maxEventBytes: 1024 * 1024,
		retry: RETRY_DEFAULTS,
		clock,
		random: () => 0,
		logger: silentLogger,
		onEvent(event): Promise<EventOutcome> {
			events.push(event)
			return Promise.resolve('usable')
		},
		onDisconnect: error => void disconnects.push(error),
		onComment: comment => void comments.push(comment),
		...options,
	})
	t.teardown(() => connection.close())
	return { connection, clock, events, disconnects, comments }
}
