import test, { type ExecutionContext } from 'ava'
import { fleetText } from '../../lib/cli/fleet-text.ts'
import { silentLogger } from '../../lib/core/logger.ts'
import { Hub } from '../../lib/hub/index.ts'
import { NatsTransport } from '../../lib/transports/nats.ts'
import { ToyTerm } from '../hub/fleet.ts'
import { runInside, startCommand } from '../support/command.ts'
import { natsTest, startNatsServer } from '../support/nats-server.ts'

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

interface Shown {
	readonly nodes: ReadonlyArray<{
		readonly name: string
		readonly runs: ReadonlyArray<{ readonly version: string; readonly status: string }>
	}>
	readonly drift: ReadonlyArray<{ readonly node: string; readonly target: string }>
}

/** Nodes that run `rates`, over a server of their own, until the end of the test. */
const startNodes = async (
	t: ExecutionContext,
	names: readonly string[],
): Promise<{ address: string; hubs: Map<string, Hub>; terms: Map<string, ToyTerm> }> => {
	const { address } = await startNatsServer(t)
	const terms = new Map<string, ToyTerm>()
	const hubs = new Map<string, Hub>()
	for (const name of names) {
		const transport = await NatsTransport.connect({ name, servers: address, logger: silentLogger })
		const hub = await new Hub({ transport, logger: silentLogger }).start()
		t.teardown(async () => {
			await hub.stop()
			await transport.close()
		})
		const term = new ToyTerm('rates', 'v1')
		hub.attach(term)
		terms.set(name, term)
		hubs.set(name, hub)
	}
	return { address, hubs, terms }
}

natsTest()('what the fleet is told is carried out by each node, and each answer is shown', async t => {
	t.timeout(120_000)
	const { address, terms } = await startNodes(t, ['web-1', 'web-2'])
	const tell = (...args: string[]): ReturnType<typeof runInside> =>
		runInside(['fleet', ...args, '--nats', address])
	const lines = (text: string): string[] => text.trimEnd().split('\n').sort()

	for (const term of terms.values()) term.source = 'v2'
	const refreshed = await tell('refresh', 'rates', '--window', '50ms')
	t.deepEqual(lines(refreshed.out), [
		'refresh rates: 2 applied, 0 refused, 0 silent',
		'web-1  applied  v2',
		'web-2  applied  v2',
	])
	t.deepEqual([refreshed.code, refreshed.err], [0, ''])

	terms.get('web-2')!.history.length = 0
	const pinned = await tell('pin', 'rates', 'v1')
	t.deepEqual(lines(pinned.out), [
		'pin rates v1: 1 applied, 1 refused, 0 silent',
		'web-1  applied  v1',
		'web-2  refused  v2  VERSION_UNAVAILABLE: Nobody has v1',
	])
	t.is(pinned.err, 'remote-term: 1 of 2 refused it: web-2: Nobody has v1 (VERSION_UNAVAILABLE)\n')
	t.is(pinned.code, 3)
	t.is(terms.get('web-1')!.pinned, 'v1')

	const unpinned = await tell('unpin', 'rates', '--json')
	t.like(JSON.parse(unpinned.out), {
		...{ scope: 'fleet', kind: 'unpin', term: 'rates', version: null, refused: [] },
		...{ silent: [], superseded: false },
	})
	t.is((JSON.parse(unpinned.out) as { applied: unknown[] }).applied.length, 2)
	t.is(terms.get('web-1')!.pinned, undefined)

	for (const term of terms.values()) term.history.splice(0, 9, 'v1')
	const back = await tell('rollback', 'rates', '--from', 'v2')
	t.is(lines(back.out)[0], 'rollback rates from v2: 2 applied, 0 refused, 0 silent')
	t.deepEqual(
		[...terms.values()].map(({ version }) => version),
		['v1', 'v1'],
	)

	// One that does not answer: it stays said.
	terms.get('web-2')!.update = () => new Promise(() => {})
	const silent = await tell('refresh', 'rates', '--window', '0', '--timeout', '2s')
	t.is(silent.code, 1)
	t.regex(
		silent.err,
		/^remote-term: 1 of 2 did not answer within 2 s: web-2 \(TIMEOUT\)\n {2}hint: It stays said/,
	)
})

natsTest()('what nobody runs, and what makes no sense, is refused before anything is said', async t => {
	t.timeout(120_000)
	const { address, hubs } = await startNodes(t, ['web-1'])
	let said = 0
	hubs.get('web-1')!.watch(({ kind }) => {
		if (kind === 'directive') said += 1
	})
	const tell = (...args: string[]): ReturnType<typeof runInside> =>
		runInside(['fleet', ...args, '--nats', address])
	const mistyped = await tell('pin', 'rats', 'v1')
	t.is(mistyped.code, 2)
	t.regex(mistyped.err, /got 'rats' \(INVALID_OPTION\)\n {2}hint: There are rates\./)
	const elsewhere = await tell('refresh', 'rates', '--scope', 'other', '--settle', '100ms')
	t.is(elsewhere.code, 2)
	t.regex(elsewhere.err, /hint: Nobody there runs any/)
	for (const args of [
		['pin', 'rates'],
		['refresh', 'rates', '--watch'],
		['pin', 'rates', ''],
		['pni', 'rates'],
	]) {
		const wrong = await tell(...args)
		t.is(wrong.code, 2, args.join(' '))
		t.regex(wrong.err, /\(INVALID_OPTION\)/)
	}
	t.is(said, 0)
})

natsTest()('--watch shows the fleet again at each change, until it is told to end', async t => {
	t.timeout(120_000)
	const { address, hubs, terms } = await startNodes(t, ['web-1', 'web-2'])
	const documents = startCommand(t, ['fleet', '--nats', `nats://${address}`, '--watch', '--json'])
	const table = startCommand(t, ['fleet', '--nats', `nats://${address}`, '--watch'])
	const shown = async (part: RegExp): Promise<Shown> => JSON.parse(await documents.line(part)) as Shown

	const first = await shown(/"web-1".*"v1".*"web-2".*"v1"/)
	t.deepEqual(
		first.nodes.map(({ name, runs }) => [name, runs[0]?.version, runs[0]?.status]),
		[
			['web-1', 'v1', 'ready'],
			['web-2', 'v1', 'ready'],
		],
	)
	t.deepEqual(first.drift, [])
	await table.line(/2 nodes, 2 of 2 runs ready, 0 behind/)

	terms.get('web-1')!.hold('v2')
	t.like((await shown(/"target":"v2"/)).drift, [{ node: 'web-2', target: 'v2' }])
	await table.line(/^ {2}web-2 {2}rates {2}v1, not v2: 1 behind/)

	terms.get('web-2')!.hold('v2')
	t.is((await shown(/"v2".*"v2".*"drift":\[\]/)).nodes.length, 2)

	await hubs.get('web-2')!.stop()
	await table.line(/1 node, 1 of 1 run ready, 0 behind/)
	t.is((await shown(/"name":"web-1"(?!.*web-2)/)).nodes.length, 1)

	for (const { child, ended } of [documents, table]) {
		child.kill('SIGTERM')
		const { code, err, signal } = await ended
		t.deepEqual([code, signal, err], [0, null, ''])
	}
	// It has only looked: nothing remains of it.
	t.deepEqual(
		hubs
			.get('web-1')!
			.nodes()
			.map(({ name }) => name)
			.filter(name => !name.startsWith('observer-')),
		['web-1'],
	)
})
