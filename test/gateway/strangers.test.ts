import test from 'ava'
import type { AuditEntry } from '../../lib/gateway/audit.ts'
import { Strangers } from '../../lib/gateway/strangers.ts'
import { FakeClock } from '../../lib/testing/fake-clock.ts'
import { push, startGateway, TOKENS } from '../support/gateway.ts'

const linesOf = (log: readonly AuditEntry[]): readonly unknown[][] =>
	log.map(({ address, service, count }) => [address, service, count])

test('requests without a good token are in the audit log, with nothing of what they brought', async t => {
	const { ask, audit, gateway } = await startGateway(t)
	const wrong = 'wrong-token-0123456789abcdef'
	await ask('/v1/services/users', { method: 'PUT', json: push('1'), token: wrong })
	for (let n = 0; n < 5; n++) await ask('/v1/status', { token: n % 2 === 0 ? wrong : null })
	await ask('/v1/status', { token: TOKENS.read })
	t.is(audit.length, 1)
	t.like(audit[0], {
		...{ who: '(unknown)', address: '127.0.0.1', action: 'authenticate', service: 'users' },
		...{ outcome: 'refused', code: 'UNAUTHORIZED', count: 1 },
	})
	await gateway.close()
	t.deepEqual(linesOf(audit), [
		['127.0.0.1', 'users', 1],
		['127.0.0.1', undefined, 5],
	])
	t.false(JSON.stringify(audit).includes('0123456789'))
})

test('an address has a line at once, and one a minute for all that it does then', async t => {
	const clock = new FakeClock()
	const log: AuditEntry[] = []
	const strangers = new Strangers(entry => log.push(entry), clock)
	t.teardown(() => strangers.close())
	for (let n = 0; n < 1_000; n++) strangers.refused('192.0.2.1', undefined)
	strangers.refused('192.0.2.2', undefined)
	t.deepEqual(linesOf(log.splice(0)), [
		['192.0.2.1', undefined, 1],
		['192.0.2.2', undefined, 1],
	])
	await clock.advance(60_000)
	t.deepEqual(linesOf(log.splice(0)), [['192.0.2.1', undefined, 999]])
	await clock.advance(600_000)
	t.deepEqual(log, [])
	strangers.refused('192.0.2.1', undefined)
	t.deepEqual(linesOf(log), [['192.0.2.1', undefined, 1]])
})

test('many addresses are many lines up to a bound, and one beyond it; a network of IPv6 is one', t => {
	const clock = new FakeClock()
	const log: AuditEntry[] = []
	const strangers = new Strangers(entry => log.push(entry), clock)
	t.teardown(() => strangers.close())
	for (let n = 0; n < 500; n++) strangers.refused(`2001:db8::${n.toString(16)}`, undefined)
	t.is(log.splice(0).length, 1)
	for (let n = 0; n < 5_000; n++) strangers.refused(`10.0.${n >> 8}.${n & 255}`, undefined)
	t.is(log.splice(0).length, 99)
	strangers.close()
	t.deepEqual(linesOf(log.splice(0)), [
		['2001:db8::0', undefined, 499],
		[undefined, undefined, 4_901],
	])
	strangers.refused('192.0.2.1', undefined)
	t.deepEqual(log, [])
})

test('a write that a token is not good enough for is in the audit log; a read is not', async t => {
	const { ask, audit } = await startGateway(t)
	await ask('/v1/services/users', { method: 'PUT', json: push('1'), token: TOKENS.read })
	await ask('/v1/services/users', { token: TOKENS.push })
	t.is(audit.length, 1)
	t.like(audit[0], {
		...{ who: 'reader', address: '127.0.0.1', action: 'authorize', service: 'users' },
		...{ outcome: 'refused', code: 'FORBIDDEN' },
	})
})
