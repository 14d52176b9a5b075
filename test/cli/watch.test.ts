import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { gzipSync } from 'node:zlib'
import { JSON_FIELDS } from '../../lib/cli/watch-json.ts'
import { command, startCommand, temporaryFolder } from '../support/command.ts'
import { serveOrigin } from '../support/origin.ts'
import { serve } from '../support/serve.ts'

type Line = Record<string, unknown> & { event: string }

const linesOf = (out: string): Line[] =>
	out
		.split('\n')
		.slice(0, -1)
		.map(line => JSON.parse(line) as Line)

/** Without what differs from run to run. */
const stable = ({ at, durationMs, nextRefreshAt, ...rest }: Line): Record<string, unknown> => {
	void [at, durationMs, nextRefreshAt]
	return rest
}

test('each refresh is a line: the first, an unchanged one, a refused one, a new one', async t => {
	const origin = await serveOrigin(t)
	const body = gzipSync('{"USD":1.09}')
	origin.publish(body, { etag: '"1"' })
	const url = `${origin.url.href}rates.json.gz`
	const { child, line, ended } = startCommand(t, ['watch', url, '--json', '--interval', '50ms'])
	await line('"unchanged"')
	origin.publish('<html>', { etag: '"2"' })
	await line('"failed"')
	origin.publish('{"USD":1.1}', { etag: '"3"' })
	await line(/"updated".*\\"3\\"/)
	await line(/"status":"ready","previousStatus":"(?:failing|stale)"/)
	child.kill('SIGINT')
	const { code, out, err } = await ended
	t.deepEqual([code, err], [0, ''])

	const lines = linesOf(out)
	const find = (event: string): Line => lines.find(one => one.event === event)!
	const common = { term: 'rates.json.gz' }
	t.deepEqual(stable(lines[0]!), { ...common, event: 'started', source: url, codec: 'json', intervalMs: 50 })
	t.deepEqual(stable(lines[1]!), {
		...{ ...common, event: 'status', status: 'starting', previousStatus: 'idle' },
	})
	t.deepEqual(stable(lines[2]!), {
		...{ ...common, event: 'updated', refresh: 1, version: '"1"', previousVersion: null },
		...{ bytes: body.length, inflatedBytes: 12, error: null },
	})
	t.deepEqual(stable(find('unchanged')), {
		...{ ...common, event: 'unchanged', refresh: 2, version: '"1"', previousVersion: null },
		...{ bytes: null, inflatedBytes: null, error: null },
	})
	const failed = find('failed')
	t.like(failed, {
		version: '"1"',
		bytes: 6,
		inflatedBytes: 6,
		error: { code: 'DESERIALIZE_FAILED', status: null },
	})
	const recovery = lines.find(one => one.version === '"3"')!
	t.like(recovery, { event: 'updated', previousVersion: '"1"' })
	t.like(lines[lines.indexOf(recovery) + 1], { event: 'status', status: 'ready' })

	const count = (...events: string[]): number => lines.filter(({ event }) => events.includes(event)).length
	t.like(lines.at(-1), {
		...{ event: 'stopped', reason: 'SIGINT', refreshes: count('updated', 'unchanged', 'failed') },
		...{ updated: 2, unchanged: count('unchanged'), failed: count('failed'), version: '"3"' },
	})

	for (const one of lines) {
		const kind = ['updated', 'unchanged', 'failed'].includes(one.event) ? 'refresh' : one.event
		const fields = [JSON_FIELDS.every, JSON_FIELDS[kind as keyof typeof JSON_FIELDS]].flatMap(Object.keys)
		t.deepEqual(Object.keys(one), fields)
		t.is(one['at'], new Date(one['at'] as string).toISOString())
	}
	const next = lines[2]!['nextRefreshAt'] as string
	t.is(next, new Date(next).toISOString())
})

test('a source that is down at the start is asked again until it is there', async t => {
	const folder = temporaryFolder(t)
	const { child, line, ended } = startCommand(t, ['watch', 'rates.json', '--interval', '50ms'], {
		cwd: folder,
	})
	t.regex(await line('failed'), /FETCH_NOT_FOUND: .* {2}no value yet {2}.*next in/)
	writeFileSync(join(folder, 'new.json'), '{"USD":1.09}')
	renameSync(join(folder, 'new.json'), join(folder, 'rates.json'))
	t.regex(await line('updated'), /^\d\d:\d\d:\d\d {2}updated {4}.* {2}12 B {2}/)
	t.regex(await line('recovered'), /^\d\d:\d\d:\d\d {2}recovered {2}after \d+ failures?$/)
	child.kill('SIGINT')
	const { code, out, err } = await ended
	t.deepEqual([code, err], [0, ''])
	t.regex(out, /stopped {4}\d+ refreshes in .*: 1 updated, \d+ unchanged, \d+ failed; holds /)
})

test('with --count the exit code is that of the last refresh, after which none is due', async t => {
	const answers = ['', 'nonsense', '{}']
	const { url } = await serve(t, (_request, response) => {
		const answer = answers.shift()
		response.writeHead(answer === '' ? 404 : 200).end(answer)
	})
	const args = ['watch', `${url.href}rates.json`, '--json', '--interval', '50ms', '--count']
	const [failed, done] = [await command(t, [...args, '2']), await command(t, [...args, '1'])]
	const outcomes = linesOf(failed.out).filter(one => 'refresh' in one)
	t.like(outcomes, [
		{ refresh: 1, error: { code: 'FETCH_NOT_FOUND', status: 404 } },
		{ refresh: 2, error: { code: 'DESERIALIZE_FAILED', status: null }, nextRefreshAt: null },
	])
	t.like(linesOf(failed.out).at(-1), { reason: 'count', refreshes: 2 })
	t.is(failed.code, 3)
	t.is(done.code, 0)
})

test('a server that dies is told of, and the value stays', async t => {
	const { url, server } = await serve(t, (_request, response) => response.end('{"USD":1.09}'))
	const { child, line, ended } = startCommand(t, [
		'watch',
		`${url.href}rates.json`,
		'--interval',
		'50ms',
		'--verbose',
	])
	await line('updated')
	await line('unchanged')
	server.close()
	server.closeAllConnections()
	t.regex(await line('ECONNREFUSED'), /failed {5}FETCH_FAILED: .* {2}holds sha-256:/)
	t.regex(await line('stale'), /the source has not confirmed the value for too long/)
	child.kill('SIGINT')
	const { code, err } = await ended
	t.is(code, 0)
	t.regex(err, /^ {2}caused by: .*ECONNREFUSED/m)
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
	test(`${signal} ends a watch without an end, with a summary and exit code 0`, async t => {
		const origin = await serveOrigin(t)
		origin.publish('{"USD":1.09}', { etag: '"1"' })
		const { child, line, ended } = startCommand(t, ['watch', `${origin.url.href}rates.json`])
		await line('updated')
		child.kill(signal)
		const { code, signal: killedBy, out, err } = await ended
		t.deepEqual([code, killedBy, err], [0, null, ''])
		t.regex(out, /stopped {4}1 refresh in .*: 1 updated, 0 unchanged, 0 failed; holds "1"\n$/)
	})
}

test('^C before --count is reached is 130, and names the signal', async t => {
	const origin = await serveOrigin(t)
	origin.publish('{}')
	const { child, line, ended } = startCommand(t, [
		'watch',
		`${origin.url.href}rates.json`,
		'--json',
		'--count',
		'5',
	])
	await line('"updated"')
	child.kill('SIGINT')
	const { code, out } = await ended
	t.is(code, 130)
	t.like(linesOf(out).at(-1), { event: 'stopped', reason: 'SIGINT', refreshes: 1 })
})

test('^C interrupts a refresh that is under way', async t => {
	const origin = await serveOrigin(t)
	const asked = new Promise<void>(resolve => origin.misbehave(() => resolve()))
	const { child, ended } = startCommand(t, ['watch', `${origin.url.href}rates.json`, '--json'])
	await asked
	child.kill('SIGINT')
	const { code, out } = await ended
	t.is(code, 0)
	t.like(linesOf(out).at(-1), { event: 'stopped', refreshes: 0, version: null })
})

test('a reader who leaves ends the watch without a failure', async t => {
	const origin = await serveOrigin(t)
	origin.publish('{}')
	const { child, line, ended } = startCommand(t, [
		'watch',
		`${origin.url.href}rates.json`,
		'--interval',
		'20ms',
	])
	await line('updated')
	child.stdout!.destroy()
	const { code, err } = await ended
	t.deepEqual([code, err], [0, ''])
})

test('what no retry can mend is an exit', async t => {
	const origin = await serveOrigin(t)
	const ended = await Promise.all([
		command(t, ['watch', 'ftp://127.0.0.1/rates.json']),
		command(t, ['watch']),
		command(t, ['watch', origin.url.href, '-H', 'Bad Name: x']),
		command(t, ['watch', origin.url.href, '-H', 'Host: x']),
	])
	for (const { code, out, err } of ended) {
		t.is(code, 2)
		t.is(out, '')
		t.regex(err, /^remote-term: .* \(INVALID_OPTION\)\n/)
	}
})
