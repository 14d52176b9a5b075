import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { EnvironmentHandler } from '../../lib/autoconfig/handler.ts'
import type { EnvRep } from '../../lib/autoconfig/environment.ts'
import type { WireMessage } from '../../lib/autoconfig/messages.ts'
import { StreamManager } from '../../lib/autoconfig/stream-manager.ts'
import type { EnvironmentStreamOptions } from '../../lib/autoconfig/stream-options.ts'
import type { EnvironmentParams } from '../../lib/autoconfig/environment.ts'
import { silentLogger } from '../../lib/core/logger.ts'
import { FakeClock } from '../../lib/testing/fake-clock.ts'
import type { Lifetime } from '../support/lifetime.ts'
import { serve } from '../support/serve.ts'
import { fact } from './support.ts'

export interface StreamServer {
	readonly url: URL
	readonly requests: IncomingMessage[]
	/** What each new stream is sent first. */
	greeting: readonly WireMessage[]
	/** How the next requests are answered, one each; then streams again. */
	readonly answers: RequestListener[]
	/** To the stream at hand. */
	send(...messages: readonly WireMessage[]): void
	sendRaw(text: string): void
	sendBytes(bytes: Uint8Array): void
	/** Breaks the stream at hand. */
	cut(): void
}

export const serveStream = async (
	t: Lifetime,
	...greeting: readonly WireMessage[]
): Promise<StreamServer> => {
	const requests: IncomingMessage[] = []
	const answers: RequestListener[] = []
	let stream: ServerResponse | undefined
	const { url } = await serve(t, (request, response) => {
		requests.push(request)
		const answer = answers.shift()
		if (answer !== undefined) return answer(request, response)
		stream = response
		response.writeHead(200, { 'content-type': 'text/event-stream' })
		response.write(':\n')
		server.send(...server.greeting)
	})
	const server: StreamServer = {
		...{ url, requests, answers, greeting },
		send: (...messages) => void stream?.write(messages.map(onTheWire).join('')),
		sendRaw: text => void stream?.write(text),
		sendBytes: bytes => void stream?.write(bytes),
		cut: () => void stream?.destroy(),
	}
	return server
}

export const onTheWire = ({ event, data }: WireMessage): string => `event: ${event}\ndata: ${data}\n\n`

export const status =
	(code: number, headers: Record<string, string> = {}): RequestListener =>
	(_request, response) =>
		response.writeHead(code, headers).end()

export const envRep = (envID: string, version: number, changes: Partial<EnvRep> = {}): EnvRep => ({
	envID,
	envKey: `${envID}-key`,
	envName: `${envID} name`,
	mobKey: `mob-${envID}`,
	projKey: 'project',
	projName: 'The project',
	sdkKey: { value: `sdk-${envID}` },
	defaultTtl: 2,
	secureMode: false,
	version,
	...changes,
})

export type Calls = Array<readonly [name: string, ...unknown[]]>

/** Every call, with an environment as its id and name. */
export const recordingHandler = (): { readonly calls: Calls; readonly handler: EnvironmentHandler } => {
	const calls: Calls = []
	const env = ({ envId, identifiers }: EnvironmentParams): readonly [string, string] => [
		envId,
		identifiers.envName,
	]
	return {
		calls,
		handler: {
			addEnvironment: params => void calls.push(['add', ...env(params)]),
			updateEnvironment: params => void calls.push(['update', ...env(params)]),
			deleteEnvironment: id => void calls.push(['delete', id]),
			receivedAllEnvironments: () => void calls.push(['all']),
			keyExpired: (envId, key, reason) => void calls.push(['expired', envId, key, reason]),
			addFilter: ({ id, projKey, key }) => void calls.push(['add filter', id, projKey, key]),
			deleteFilter: id => void calls.push(['delete filter', id]),
		},
	}
}

export interface Followed {
	readonly manager: StreamManager
	readonly clock: FakeClock
	readonly calls: Calls
	/** Waits for the call after which there are so many. */
	called(count: number): Promise<void>
}

/** A manager on a clock that stands still, without jitter. */
export const follow = (
	t: Lifetime,
	url: URL,
	options: Partial<EnvironmentStreamOptions<EnvironmentParams>> = {},
): Followed => {
	const clock = new FakeClock()
	const { calls, handler } = recordingHandler()
	const manager = new StreamManager({
		...{ url, handler, clock, token: 'the-key', random: () => 0, logger: silentLogger, startTimeout: null },
		...options,
	})
	t.teardown(() => manager.close())
	return {
		...{ manager, clock, calls },
		called: count => fact(`there were ${count} calls`, () => calls.length >= count),
	}
}
