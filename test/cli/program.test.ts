import { readFileSync } from 'node:fs'
import { Writable } from 'node:stream'
import test from 'ava'
import { EXIT_CODES, exitCodeOf } from '../../lib/cli/exit-codes.ts'
import { hasColour } from '../../lib/cli/io.ts'
import { Progress } from '../../lib/cli/progress.ts'
import { FakeClock } from '../../lib/testing/fake-clock.ts'
import { fakeOutput, runInside } from '../support/command.ts'
import { serveOrigin } from '../support/origin.ts'

const root = new URL('../../../', import.meta.url)

test('--version is that of the package', async t => {
	const { version } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as { version: string }
	t.deepEqual(await runInside(['--version']), { code: 0, out: `${version}\n`, err: '' })
})

for (const args of [['--help'], ['help'], ['get', '--help'], ['help', 'get'], ['watch', '--help']]) {
	test(`remote-term ${args.join(' ')} teaches by examples and tells the exit codes`, async t => {
		const { code, out, err } = await runInside(args)
		t.deepEqual([code, err], [0, ''])
		t.regex(out, /^Usage: remote-term/)
		t.regex(out, /Examples:\n[\s\S]* {2}\$ remote-term (?:get|watch) https:/)
		for (const { code: exitCode, meaning } of EXIT_CODES)
			t.true(out.includes(`  ${String(exitCode).padEnd(5)}${meaning}\n`))
		t.true(out.includes('docs/cli.md'))
	})
}

test('without a command there is the help, on stderr, and exit code 2', async t => {
	const { code, out, err } = await runInside([])
	t.deepEqual([code, out], [2, ''])
	t.regex(err, /^Usage: remote-term/)
})

const mistakes: ReadonlyArray<readonly [args: readonly string[], said: RegExp]> = [
	[['gte', 'x'], /unknown command 'gte' .*\n {2}hint: \(Did you mean get\?\)/],
	[
		['https://u:secret@example.com/x?token=secret'],
		/before https:\/\/example\.com\/x\?token=…: get or watch/,
	],
	[['get', '--pth', '/a'], /unknown option '--pth' .*\n {2}hint: \(Did you mean --path\?\)/],
	[['get', '--heade=X-Token: secret'], /unknown option '--heade' /],
	[['get', 'a', 'b'], /too many arguments for 'get'/],
	[['get', 'a', '--codec', 'yaml'], /'--codec <name>' argument 'yaml' is invalid.*json, ndjson/],
	[['get', 'a', '--timeout', 'soon'], /'soon' is invalid.*10s/],
	[['get', 'a', '--max-bytes', '0'], /'0' is invalid.*64MiB/],
	[['watch', 'a', '--count', '1.5'], /'1.5' is invalid.*whole number/],
	[['watch', 'a', '--interval', '0'], /'0' is invalid/],
	[['get', ''], /got an empty string/],
	[['get', 'http://u:secret@:99999/'], /SOURCE begins like a URL but is none/],
	[['get', 'ftp://example.com/x'], /SOURCE cannot be a URL of ftp:/],
	[['get', 'a', '--prefix', 'X_'], /either SOURCE or --prefix/],
	[['get', 'a', '--path', 'b'], /--path to be empty or to begin with a slash/],
	[['get', 'a', '-H', 'A: secret'], /--header needs an http: or https: SOURCE/],
	[['get', '-H', 'A: secret'], /--header needs a SOURCE/],
	[['get', 'http://127.0.0.1/', '-H', 'secret'], /--header to be 'Name: value'/],
]
for (const [args, said] of mistakes) {
	test(`remote-term ${args.join(' ')} is a mistake that is explained`, async t => {
		const { code, out, err } = await runInside(args)
		t.deepEqual([code, out], [2, ''])
		t.regex(err, /^remote-term: .* \(INVALID_OPTION\)\n(?: {2}hint: .*\n)?$/)
		t.regex(err, said)
		t.false(err.includes('secret'))
	})
}

test('every exit code that the table names is the one that its errors have', t => {
	for (const { code, errors } of EXIT_CODES) for (const error of errors) t.is(exitCodeOf(error), code)
	t.is(new Set(EXIT_CODES.map(({ code }) => code)).size, EXIT_CODES.length)
})

test('colour is for terminals, unless the environment says otherwise', t => {
	const [terminal, pipe] = [fakeOutput(true), fakeOutput(false)]
	t.true(hasColour(terminal, {}))
	t.false(hasColour(pipe, {}))
	t.false(hasColour(terminal, { NO_COLOR: '1' }))
	t.true(hasColour(terminal, { NO_COLOR: '' }))
	t.true(hasColour(pipe, { FORCE_COLOR: '1' }))
	t.true(hasColour(pipe, { FORCE_COLOR: '' }))
	t.false(hasColour(terminal, { FORCE_COLOR: '0' }))
	t.false(hasColour(terminal, { FORCE_COLOR: '1', NO_COLOR: '1' }))
	t.false(hasColour(terminal, { TERM: 'dumb' }))
})

test('watch is in colour on a terminal, and without it where NO_COLOR is set', async t => {
	const origin = await serveOrigin(t)
	origin.publish('{}')
	const args = ['watch', origin.url.href, '--count', '1']
	const [coloured, plain, piped] = await Promise.all([
		runInside(args, { tty: true }),
		runInside(args, { tty: true, env: { NO_COLOR: '1' } }),
		runInside(args),
	])
	t.true(coloured.out.includes('\u001b[32mupdated'))
	t.false(plain.out.includes('\u001b'))
	t.false(piped.out.includes('\u001b'))
})

test('what a source says moves no cursor of a terminal', async t => {
	const origin = await serveOrigin(t)
	const name = encodeURIComponent('\u001b[2J')
	const { out, err } = await runInside(['watch', `${origin.url.href}${name}`, '--count', '1'])
	t.false((out + err).includes('\u001b'))
})

test('a long download shows a bar on a terminal, and leaves nothing of it behind', async t => {
	const clock = new FakeClock()
	const output = fakeOutput(true)
	const progress = new Progress(output, clock)
	const shown = new Promise<void>(resolve =>
		output.on('data', () => output.text().includes('25%') && resolve()),
	)
	progress.report(1_000_000, 4_000_000)
	t.is(output.text(), '')
	await clock.advance(500)
	progress.report(1_000_000, 4_000_000)
	await shown
	t.regex(output.text(), /█+░+ 25% {2}1\.00 MB of 4\.00 MB {2}2\.00 MB\/s/)
	progress.end()
	t.true(output.text().endsWith('\u001b[1G\u001b[2K'))
})

test('a download of unknown length shows how much has come', async t => {
	const clock = new FakeClock()
	const output = fakeOutput(true)
	const progress = new Progress(output, clock)
	const shown = new Promise<void>(resolve =>
		output.on('data', () => output.text().includes('MB/s') && resolve()),
	)
	progress.report(1, undefined)
	await clock.advance(1000)
	progress.report(3_000_000, undefined)
	await shown
	t.regex(output.text(), /3\.00 MB {2}3\.00 MB\/s/)
	progress.end()
})

test('a short download shows no bar, even if it ends while the bar is being loaded', async t => {
	const clock = new FakeClock()
	const output = fakeOutput(true)
	const progress = new Progress(output, clock)
	progress.report(1, 2)
	progress.end()
	progress.report(1, 2)
	await clock.advance(500)
	progress.report(2, 2)
	progress.end()
	await import('cli-progress')
	await clock.advance(0)
	t.is(output.text(), '')
})

test('no bar is drawn where there is no terminal', async t => {
	const clock = new FakeClock()
	const output = fakeOutput(false)
	const progress = new Progress(output, clock)
	progress.report(1, 2)
	await clock.advance(1000)
	progress.report(1, 2)
	await import('cli-progress')
	await clock.advance(0)
	progress.end()
	t.is(output.text(), '')
})

test('output that cannot be written is exit code 5', async t => {
	const origin = await serveOrigin(t)
	origin.publish('{}')
	const stdout = new Writable({
		write: (_chunk, _encoding, done) => done(Object.assign(new Error('no space left'), { code: 'ENOSPC' })),
	}).on('error', () => {})
	const { code, err } = await runInside(['get', origin.url.href], { stdout })
	t.is(code, 5)
	t.is(err, 'remote-term: Cannot write the output: no space left (OUTPUT_FAILED)\n')
})
