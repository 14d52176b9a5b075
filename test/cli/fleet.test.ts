import test from 'ava'
import { fleetText } from '../../lib/cli/fleet-text.ts'
import { runInside } from '../support/command.ts'

const at = '2026-01-01T00:00:00.000Z'
const now = Date.parse(at)

test('a fleet as a table: who runs what, who lags, and nothing that leaves its line', t => {
	const run = { boot: 'x', kind: 'term' as const, name: 'rates', status: 'ready', since: now - 90_000 }
	const node = { boot: 'x', isSelf: false, startedAt: now }
	const text = fleetText(
		{
			...{ scope: 'fleet', at },
			nodes: [
				{ ...node, name: 'a', runs: [{ ...run, node: 'a', version: 'v2', pinned: 'v2' }] },
				{
					...{ ...node, name: 'b' },
					runs: [
						{
							...{ ...run, node: 'b', version: 'v1', status: 'failing' },
							error: { code: 'FETCH_DENIED', message: 'No\n\u001b[31mentry' },
						},
					],
				},
				{ ...node, name: 'c', runs: [] },
			],
			drift: [
				{
					...{ kind: 'term', name: 'rates', node: 'b', boot: 'x', version: 'v1', target: 'v2', behind: 1 },
					...{ forMs: 60_000, reason: { code: 'FETCH_DENIED', message: 'No' } },
				},
			],
		},
		now,
	)
	t.is(text.split('\n').length, 10)
	t.false(text.includes('\u001b'))
	t.regex(text, /^fleet {2}2026-01-01T00:00:00.000Z {2}3 nodes, 1 of 2 runs ready, 1 behind\n/)
	t.regex(
		text,
		/\na +rates +v2 \(pinned\) +1 min 30 s ago +ready\nb +rates +v1 +1 min 30 s ago +failing +FETCH_DENIED: No/,
	)
	t.regex(text, /\nc +–\n\nBehind:\n {2}b {2}rates {2}v1, not v2: 1 behind, for 1 min {2}FETCH_DENIED: No\n$/)
})

test('what cannot be an address, and a server that is not there, are told, without a secret', async t => {
	const wrong = await runInside(['fleet', '--nats', 'nats://'])
	t.is(wrong.code, 2)
	const none = await runInside(['fleet'])
	t.is(none.code, 2)
	const away = await runInside(['fleet', '--nats', 'nats://secret-token@127.0.0.1:1'])
	t.is(away.code, 1)
	t.regex(away.err, /TRANSPORT_FAILED/)
	t.false(away.err.includes('secret-token'))
})
