import test from 'ava'
import { deleteMessage, patchMessage, putMessage, type WireMessage } from '../../lib/autoconfig/messages.ts'
import type { EnvironmentParams } from '../../lib/autoconfig/environment.ts'
import { envRep, follow, recordingHandler, serveStream } from './stream-server.ts'
import { fact } from './support.ts'

/** When the clocks of these tests begin. */
const NOW = Date.UTC(2026, 0, 1)
const HOUR = 3_600_000

/** The stream stays open, however long nothing comes. */
const PATIENT = { readTimeout: 100 * HOUR }

const env = (version: number, value: string, expiring?: { value: string; timestamp: number }): unknown =>
	envRep('a', version, { sdkKey: { value, ...(expiring && { expiring }) } })
const put = (rep: unknown): WireMessage => putMessage({ environments: { a: rep } })
const patch = (rep: unknown): WireMessage => patchMessage('environments', 'a', rep)

test('a key expires after its last millisecond, once', async t => {
	const server = await serveStream(t, put(env(1, 'new', { value: 'old', timestamp: NOW + HOUR })))
	const { manager, clock, calls } = follow(t, server.url, PATIENT)
	await manager.start()
	t.deepEqual(manager.get('a')?.expiringSdkKey, { key: 'old', expiration: NOW + HOUR })
	await clock.advance(HOUR)
	t.is(calls.length, 2)
	await clock.advance(1)
	t.deepEqual(calls.slice(2), [['expired', 'a', 'old', 'expired']])
	server.send(patch(env(2, 'new', { value: 'old', timestamp: NOW + HOUR })))
	await fact('it was updated', () => calls.length === 4)
	await clock.advance(HOUR)
	t.is(calls.length, 4)
})

test('a key whose time has passed is not mentioned', async t => {
	const told: EnvironmentParams[] = []
	const { handler } = recordingHandler()
	const server = await serveStream(t, put(env(1, 'new', { value: 'old', timestamp: NOW - 1 })))
	const { manager, clock } = follow(t, server.url, {
		...PATIENT,
		handler: { ...handler, addEnvironment: params => void told.push(params) },
	})
	await manager.start()
	t.is(told.length, 1)
	t.false('expiringSdkKey' in told[0]!)
	t.deepEqual(
		clock.timers.filter(due => due < 60_000),
		[],
		'only the silence of the stream is waited for',
	)
})

test('an expiring key without a value, or without a time, is none', async t => {
	const server = await serveStream(t, put(env(1, 'new', { value: '', timestamp: NOW + HOUR })))
	const { manager, calls } = follow(t, server.url, PATIENT)
	await manager.start()
	t.is(manager.get('a')?.expiringSdkKey, undefined)
	server.send(patch(env(2, 'new', { value: 'old', timestamp: 0 })))
	await fact('it was updated', () => calls.length === 3)
	t.is(manager.get('a')?.expiringSdkKey, undefined)
})

test('a key that another replaces without grace is revoked, after the update', async t => {
	const server = await serveStream(t, put(env(1, 'one')), patch(env(2, 'two')))
	const { manager, calls } = follow(t, server.url, PATIENT)
	await manager.start()
	await fact('it was revoked', () => calls.length === 4)
	t.deepEqual(calls.slice(2), [
		['update', 'a', 'a name'],
		['expired', 'a', 'one', 'revoked'],
	])
})

test('another timestamp for the same key counts', async t => {
	const server = await serveStream(t, put(env(1, 'new', { value: 'old', timestamp: NOW + HOUR })))
	const { manager, clock, calls } = follow(t, server.url, PATIENT)
	await manager.start()
	server.send(patch(env(2, 'new', { value: 'old', timestamp: NOW + 2 * HOUR })))
	await fact('it was updated', () => calls.length === 3)
	await clock.advance(2 * HOUR)
	t.is(calls.length, 3)
	await clock.advance(1)
	t.deepEqual(calls.slice(3), [['expired', 'a', 'old', 'expired']])
})

test('a key that is issued again does not expire', async t => {
	const server = await serveStream(t, put(env(1, 'two', { value: 'one', timestamp: NOW + HOUR })))
	const { manager, clock, calls } = follow(t, server.url, PATIENT)
	await manager.start()
	server.send(patch(env(2, 'one', { value: 'two', timestamp: NOW + 2 * HOUR })))
	await fact('it was updated', () => calls.length === 3)
	await clock.advance(HOUR + 1)
	t.is(calls.length, 3)
	await clock.advance(HOUR)
	t.deepEqual(calls.slice(3), [['expired', 'a', 'two', 'expired']])
})

test('nothing expires in an environment that is gone, be it deleted or left out of a put', async t => {
	const grace = { value: 'old', timestamp: NOW + HOUR }
	const both = {
		a: env(1, 'new', grace),
		b: envRep('b', 1, { sdkKey: { value: 'new', expiring: grace } }),
	}
	const server = await serveStream(t, putMessage({ environments: both }))
	const { manager, clock, calls } = follow(t, server.url, PATIENT)
	await manager.start()
	server.send(deleteMessage('environments', 'a', 2), putMessage({ environments: {} }))
	await fact('both are gone', () => calls.length === 6)
	await clock.advance(2 * HOUR)
	t.is(calls.length, 6)
})

test('an environment that comes back after its deletion has its key expire again', async t => {
	const grace = { value: 'old', timestamp: NOW + HOUR }
	const server = await serveStream(t, put(env(1, 'new', grace)))
	const { manager, clock, calls } = follow(t, server.url, PATIENT)
	await manager.start()
	server.send(deleteMessage('environments', 'a', 2), patch(env(3, 'new', grace)))
	await fact('it is back', () => calls.length === 4)
	await clock.advance(HOUR + 1)
	t.deepEqual(calls.slice(4), [['expired', 'a', 'old', 'expired']])
})

test('the same key in two environments expires in each, at its own time', async t => {
	const of = (id: string, after: number): unknown =>
		envRep(id, 1, { sdkKey: { value: 'new', expiring: { value: 'shared', timestamp: NOW + after } } })
	const server = await serveStream(
		t,
		putMessage({ environments: { a: of('a', 3000), b: of('b', 1000), c: of('c', 2000) } }),
	)
	const { manager, clock, calls } = follow(t, server.url, PATIENT)
	await manager.start()
	const expired = (): unknown[] => calls.slice(4).map(([, id]) => id)
	await clock.advance(1001)
	t.deepEqual(expired(), ['b'])
	await clock.advance(1000)
	t.deepEqual(expired(), ['b', 'c'])
	await clock.advance(1000)
	t.deepEqual(expired(), ['b', 'c', 'a'])
})

test('after a jump of the wall clock it is noticed within a minute', async t => {
	const server = await serveStream(t, put(env(1, 'new', { value: 'old', timestamp: NOW + 24 * HOUR })))
	const { manager, clock, calls } = follow(t, server.url, PATIENT)
	await manager.start()
	clock.jump(48 * HOUR)
	await clock.advance(60_000)
	t.deepEqual(calls.slice(2), [['expired', 'a', 'old', 'expired']])
})

test('a thousand environments have one timer between them, and none once closed', async t => {
	const environments = Object.fromEntries(
		Array.from({ length: 1000 }, (_, i) => [
			`e${i}`,
			envRep(`e${i}`, 1, {
				sdkKey: { value: 'new', expiring: { value: 'old', timestamp: NOW + 5_000 + (i % 7) } },
			}),
		]),
	)
	const server = await serveStream(t, putMessage({ environments }))
	const { manager, clock, calls } = follow(t, server.url, PATIENT)
	await manager.start()
	await fact('the stream waits again', () => clock.pendingTimers === 2)
	t.is(clock.nextTimerIn, 5_001)
	await clock.advance(5_003)
	await fact('all that have ended were told', () => calls.length >= 1001 + 3 * 143)
	await manager.close()
	t.is(clock.pendingTimers, 0)
	await clock.advance(HOUR)
	t.is(calls.length, 1001 + 3 * 143)
})
