import { inspect } from 'node:util'
import test, { type ExecutionContext } from 'ava'
import { deleteMessage, patchMessage, putMessage } from '../../lib/autoconfig/messages.ts'
import { StreamManager } from '../../lib/autoconfig/stream-manager.ts'
import type { Logger, LogFields } from '../../lib/core/logger.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { envRep, follow, recordingHandler, serveStream, status } from './stream-server.ts'
import { fact } from './support.ts'

/** Each has this in it, whatever it is a secret of. */
const MARK = 'hush'
const KEY = Buffer.from(`${MARK}${'-'.repeat(28)}`)

const rep = (id: string, version: number, changes: object = {}): ReturnType<typeof envRep> =>
	envRep(id, version, {
		mobKey: `mob-${MARK}`,
		sdkKey: {
			value: `sdk-${MARK}-${version}`,
			expiring: { value: `sdk-${MARK}-old`, timestamp: Date.UTC(2026, 0, 1) + 5_000 },
		},
		...changes,
	})

/** Everything that a logger is given, as the console would print it, causes and all. */
const written = (): { readonly lines: string[]; readonly logger: Logger } => {
	const lines: string[] = []
	const at =
		(level: string) =>
		(message: string, fields?: LogFields): void =>
			void lines.push(`${level} ${message} ${inspect(fields, { depth: 20, showHidden: true })}`)
	return { lines, logger: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') } }
}

/** What a stream may be sent that goes wrong, or right, with the secrets of an environment in it. */
const sent: Readonly<Record<string, string>> = {
	'a patch': line('patch', patchMessage('environments', 'a', rep('a', 2)).data),
	'a patch of no higher version': line('patch', patchMessage('environments', 'a', rep('a', 1)).data),
	'a patch that says it is another': line('patch', patchMessage('environments', 'a', rep('b', 9)).data),
	'a patch that is refused': line(
		'patch',
		patchMessage('environments', 'c', rep('c', 1, { envName: 'bad' })).data,
	),
	'a put that is refused in part': line(
		'put',
		putMessage({ environments: { a: rep('a', 3), c: rep('c', 1, { envName: 'bad' }) } }).data,
	),
	'a put of nothing': line('put', putMessage({ environments: {} }).data),
	'a delete of nothing': line('delete', deleteMessage('environments', 'nobody', 1).data),
	'a path that nobody knows': line('patch', patchMessage('segments', 'a', rep('a', 1)).data),
	'an event that nobody knows': line(MARK.slice(0, 3), JSON.stringify(rep('a', 1))),
	'JSON that ends early': line('patch', patchMessage('environments', 'a', rep('a', 2)).data.slice(0, -20)),
	'JSON that breaks in a key': line('patch', `{"path":"/environments/a","data":{"mobKey":"mob-${MARK}" x`),
	'a put that breaks in a key': line('put', `{"path":"/","data":{"environments":{"a":{"mobKey":"${MARK}"x`),
	'a key that is no string': line(
		'patch',
		JSON.stringify({ path: '/environments/a', data: { envID: 'a', mobKey: [MARK], version: 5 } }),
	),
	'a version that is a key': line(
		'patch',
		JSON.stringify({ path: '/environments/a', data: { envID: 'a', version: `sdk-${MARK}` } }),
	),
	'a retry that is a key': `retry: ${MARK}\n\n`,
	'a field that nobody knows': `${MARK}: ${MARK}\n\n`,
	'an event that is too large': `data: ${MARK.repeat(20_000)}\n\n`,
}

function line(event: string, data: string): string {
	return `event: ${event}\ndata: ${data}\n\n`
}

const start = async (t: ExecutionContext) => {
	const server = await serveStream(t, putMessage({ environments: { a: rep('a', 1) } }))
	const { lines, logger } = written()
	const statuses: unknown[] = []
	const { handler } = recordingHandler()
	const followed = follow(t, server.url, {
		...{ logger, maxEventBytes: 50_000, token: `key-${MARK}` },
		headers: { 'x-api-key': MARK },
		lastGood: { directory: await temporaryFolder(t), key: KEY },
		validate: ({ identifiers }) => identifiers.envName !== 'bad' || 'the name is bad',
		handler: { ...handler, statusChanged: one => void statuses.push(one) },
	})
	return { server, lines, statuses, ...followed }
}

for (const [title, raw] of Object.entries(sent)) {
	test(`no secret is written or told of with ${title}`, async t => {
		const { server, manager, clock, lines, statuses } = await start(t)
		await manager.start()
		t.is(manager.get('a')?.mobileKey, `mob-${MARK}`)
		const seen = manager.status.lastEventAt
		await clock.advance(1)
		server.sendRaw(raw)
		server.sendRaw(line('patch', patchMessage('environments', 'end', { envID: 'end', version: 1 }).data))
		await fact(
			'it was dealt with',
			() => manager.get('end') !== undefined || manager.status.state === 'INTERRUPTED',
		)
		t.true(manager.status.state === 'INTERRUPTED' || manager.status.lastEventAt !== seen)
		await clock.advance(10_000)
		await manager.close()
		const told = [...lines, inspect([statuses, manager.status, [...manager.refused]], { depth: 20 })]
		t.deepEqual(
			told.filter(text => text.includes(MARK)),
			[],
		)
	})
}

test('no secret is written or told of when the service refuses, redirects or breaks off', async t => {
	const { server, manager, clock, lines, statuses } = await start(t)
	server.answers.push(
		status(401),
		status(302, { location: `/${'x'.repeat(5)}?token=${MARK}` }),
		status(403),
		status(302, { location: `ftp://me:${MARK}@elsewhere/` }),
		(_request, response) => response.writeHead(200, { 'content-type': 'text/html' }).end(MARK),
		(_request, response) => void response.socket?.end(`HTTP/1.1 200 OK\r\n${MARK}\r\n\r\n`),
		(_request, response) => void response.socket?.destroy(),
	)
	void manager.start()
	for (let failures = 1; failures <= 6; failures++) {
		await fact('it failed, and waits', () => statuses.length === failures && clock.pendingTimers === 1)
		await clock.advance(clock.nextTimerIn ?? 0)
	}
	await fact('it is valid', () => manager.isReady)
	await manager.close()
	t.true(lines.length > 5)
	t.deepEqual(
		[...lines, inspect([statuses, manager.status], { depth: 20 })].filter(text => text.includes(MARK)),
		[],
	)
})

test('no secret is in what is said of a wrong option', t => {
	const { handler } = recordingHandler()
	for (const wrong of [
		{ token: `${MARK}\n` },
		{ headers: { 'x-api-key': `${MARK}\r\n` } },
		{ url: `http://me:${MARK}@127.0.0.1/` },
		{ lastGood: { directory: '/nowhere', key: MARK } },
		{ lastGood: { directory: '/nowhere', key: Buffer.from(MARK) } },
	]) {
		const error = t.throws(() => new StreamManager({ url: 'http://127.0.0.1/', handler, ...wrong }), {
			code: 'INVALID_OPTION',
		})
		t.false(inspect(error, { depth: 20, showHidden: true }).includes(MARK))
	}
})
