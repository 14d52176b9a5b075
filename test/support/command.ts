import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { ExecutionContext } from 'ava'
import { systemClock } from '../../lib/core/clock.ts'
import type { Io, Output } from '../../lib/cli/io.ts'
import { run } from '../../lib/cli/program.ts'

const main = fileURLToPath(new URL('../../lib/cli/main.js', import.meta.url))

export interface Ended {
	readonly code: number | null
	readonly signal: NodeJS.Signals | null
	readonly stdout: Buffer
	/** The same as text. */
	readonly out: string
	readonly err: string
}

export interface Running {
	readonly child: ChildProcess
	/** Resolves as soon as stdout holds a line with this; rejects if the command ends without. */
	readonly line: (part: string | RegExp) => Promise<string>
	readonly ended: Promise<Ended>
}

interface CommandOptions {
	readonly env?: Readonly<Record<string, string>>
	readonly cwd?: string
}

/** The built command in a process of its own, without the environment of whoever runs the tests. */
export const startCommand = (
	t: ExecutionContext,
	args: readonly string[],
	{ env = {}, cwd = tmpdir() }: CommandOptions = {},
): Running => {
	const { PATH = '', NODE_V8_COVERAGE = '' } = process.env
	const child = spawn(process.execPath, [main, ...args], {
		cwd,
		env: { PATH, NODE_V8_COVERAGE, AWS_EC2_METADATA_DISABLED: 'true', ...env },
		stdio: ['ignore', 'pipe', 'pipe'],
	})
	t.teardown(() => child.kill('SIGKILL'))
	const chunks: Buffer[] = []
	let err = ''
	child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
	child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text))
	const ended = once(child, 'close').then(([code, signal]): Ended => {
		const stdout = Buffer.concat(chunks)
		const out = stdout.toString('utf8')
		return { code: code as number | null, signal: signal as NodeJS.Signals | null, stdout, out, err }
	})
	const line = (part: string | RegExp): Promise<string> =>
		new Promise((resolve, reject) => {
			const look = (): void => {
				const lines = Buffer.concat(chunks).toString('utf8').split('\n').slice(0, -1)
				const found = lines.find(one => (typeof part === 'string' ? one.includes(part) : part.test(one)))
				if (found !== undefined) resolve(found)
			}
			child.stdout.on('data', look)
			look()
			void ended.then(({ out }) => reject(new Error(`No line with ${part}; it printed:\n${out}${err}`)))
		})
	return { child, line, ended }
}

export const command = (
	t: ExecutionContext,
	args: readonly string[],
	options?: CommandOptions,
): Promise<Ended> => startCommand(t, args, options).ended

/** A stream that remembers, and is a terminal if the test says so. */
export const fakeOutput = (isTTY: boolean): Output & { readonly text: () => string } => {
	let text = ''
	const stream = new PassThrough({ encoding: 'utf8' }).on('data', (chunk: string) => (text += chunk))
	return Object.assign(stream, { isTTY, columns: 100, text: () => text })
}

/** The command within this process, with everything around it in the hands of the test. */
export const runInside = async (
	args: readonly string[],
	{ tty = false, env = {}, ...given }: Partial<Io> & { readonly tty?: boolean } = {},
): Promise<{ code: number; out: string; err: string }> => {
	const [stdout, stderr] = [fakeOutput(tty), fakeOutput(tty)]
	const signal = new AbortController().signal
	const code = await run(args, { stdout, stderr, env, clock: systemClock, signal, ...given })
	return { code, out: stdout.text(), err: stderr.text() }
}

export const temporaryFolder = (t: ExecutionContext): string => {
	const folder = mkdtempSync(join(tmpdir(), 'remote-term-cli-'))
	t.teardown(() => rmSync(folder, { recursive: true, force: true }))
	return folder
}
