import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import {
	compile,
	expectedOutput,
	missingOutput,
	moduleOf,
	samplesOf,
	titleOf,
	typeErrors,
	withOrigin,
	type Sample,
} from './support/samples.ts'
import { PATIENCE } from './support/wait.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const documents = ['README.md', ...(existsSync(join(root, 'docs')) ? readdirSync(join(root, 'docs')) : [])]
	.filter(name => name.endsWith('.md'))
	.map(name => (name === 'README.md' ? name : `docs/${name}`))
const samples = documents.flatMap(path => samplesOf(path, readFileSync(join(root, path), 'utf8')))
const programs = samples.filter(({ language }) => language === 'ts' || language === 'js')
const runnable = samples.filter(({ directive }) => directive.mode === 'run')
const files = samples.filter(({ directive }) => directive.mode === 'file')

// Within dist, so that the samples' `remote-term` is this package as it was built.
mkdirSync(join(root, 'dist', 'samples'), { recursive: true })
const folder = mkdtempSync(join(root, 'dist', 'samples', 'run-'))
for (const { code, directive } of files) writeFileSync(join(folder, directive.file!), code)

const serveFiles: RequestListener = (request, response) => {
	const path = new URL(request.url ?? '/', 'http://origin').pathname
	const file = files.find(({ directive }) => `/${directive.file}` === path)
	const etag = '"1"'
	if (file === undefined) response.writeHead(404).end()
	// A stream stays open.
	else if (file.language === 'sse')
		response.writeHead(200, { 'content-type': 'text/event-stream' }).write(`${file.code}\n`)
	else if (request.headers['if-none-match'] === etag) response.writeHead(304, { etag }).end()
	else {
		const type = path.endsWith('.json') ? 'application/json' : 'application/octet-stream'
		response.writeHead(200, { etag, 'content-type': type, 'cache-control': 'max-age=60' }).end(file.code)
	}
}
const origin = createServer(serveFiles)
let originUrl = ''

test.before(async () => {
	await new Promise<void>(resolve => origin.listen(0, '127.0.0.1', resolve))
	originUrl = `http://127.0.0.1:${(origin.address() as AddressInfo).port}`
	const bin = join(folder, 'bin')
	mkdirSync(bin)
	const main = join(root, 'dist', 'lib', 'cli', 'main.js')
	writeFileSync(join(bin, 'remote-term'), `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`, {
		mode: 0o755,
	})
})

test.after.always(() => {
	origin.close()
	origin.closeAllConnections()
	rmSync(folder, { recursive: true, force: true })
})

const pathOf = (sample: Sample): string => {
	const name = titleOf(sample).replaceAll(/\W+/g, '-')
	return join(folder, `${name}.${sample.language}`)
}

const run = (
	command: string,
	args: readonly string[],
	sample: Sample,
): Promise<{ code: number | null; stdout: string; stderr: string }> =>
	new Promise((resolve, reject) => {
		const { stays, env } = sample.directive
		const expected = expectedOutput(sample)
		const given = Object.entries(env).map(([name, value]) => [name, withOrigin(value, originUrl)])
		const child = spawn(command, args, {
			cwd: folder,
			env: {
				...process.env,
				NO_COLOR: '1',
				...(Object.fromEntries(given) as Record<string, string>),
				PATH: `${join(folder, 'bin')}${delimiter}${process.env['PATH']}`,
			},
			stdio: ['ignore', 'pipe', 'pipe'],
			// A group of its own: a shell does not pass a signal on to what it waits for.
			detached: true,
		})
		const kill = (signal: NodeJS.Signals): void => {
			if (child.exitCode === null && child.pid !== undefined) process.kill(-child.pid, signal)
		}
		const deadline = setTimeout(kill, PATIENCE, 'SIGKILL')
		let [stdout, stderr] = ['', '']
		child.stdout.setEncoding('utf8').on('data', (text: string) => {
			stdout += text
			if (stays && missingOutput(expected, stdout).length === 0) kill('SIGTERM')
		})
		child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
		child.on('error', reject).on('close', (code, signal) => {
			clearTimeout(deadline)
			const ended = stays && signal === 'SIGTERM'
			if (signal === 'SIGKILL') reject(new Error(`Did not end within ${PATIENCE} ms\n${stdout}${stderr}`))
			else resolve({ code: ended ? sample.directive.exitCode : code, stdout, stderr })
		})
	})

test('the README has samples', t => {
	t.true(runnable.some(({ document }) => document === 'README.md'))
})

test('the samples fit the types of the package', t => {
	const checked = programs.filter(
		({ directive }) => directive.mode === 'run' || directive.mode === 'types-only',
	)
	for (const sample of checked) writeFileSync(pathOf(sample), moduleOf(sample, samples))
	const errors = typeErrors(checked.filter(({ language }) => language === 'ts').map(pathOf))
	const said = [...errors].flatMap(([path, ones]) => {
		const document = checked.find(sample => pathOf(sample) === path)?.document ?? path
		return ones.map(([line, message]) => `${document}:${line}: ${message}`)
	})
	t.deepEqual(said, [])
})

for (const sample of runnable) {
	test.serial(`the sample at ${titleOf(sample)} does what it says`, async t => {
		const shell = sample.language === 'sh'
		let args = [
			'-euo',
			'pipefail',
			'-c',
			withOrigin(sample.code, originUrl).replaceAll('npx remote-term', 'remote-term'),
		]
		if (!shell) {
			const path = pathOf(sample).replace(/\.\w+$/, '.run.js')
			writeFileSync(path, compile(pathOf(sample), withOrigin(moduleOf(sample, samples), originUrl)))
			args = ['--enable-source-maps', path]
		}
		const { code, stdout, stderr } = await run(shell ? 'bash' : process.execPath, args, sample)
		const missing = missingOutput(expectedOutput(sample), stdout)
		t.deepEqual(missing, [], `${titleOf(sample)} did not print these; it printed:\n${stdout}${stderr}`)
		t.is(code, sample.directive.exitCode, `${titleOf(sample)} printed:\n${stdout}${stderr}`)
	})
}
