import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import test from 'ava'

const dist = fileURLToPath(new URL('..', import.meta.url))
const source = (built: string): string => join(dist, '..', built.replace(/\.js$/, '.ts'))

/** What is started rather than imported. */
const PROGRAMS = ['lib/cli/main.js']

const modules = ['lib', 'fetchers'].flatMap(folder =>
	readdirSync(join(dist, folder), { recursive: true, encoding: 'utf8' })
		.map(path => join(folder, path))
		// What dist still has of deleted sources is nobody's business.
		.filter(path => path.endsWith('.js') && !PROGRAMS.includes(path) && existsSync(source(path))),
)

/** zod's registry is global on purpose, so that several copies of it share one. */
const globalNames = (): string[] => Object.keys(globalThis).filter(name => !name.startsWith('__zod_global'))

/** What would keep a process alive. The rest (promises of files, immediates) comes and goes with loading itself. */
const resources = (): string[] =>
	process.getActiveResourcesInfo().filter(name => /^(Timeout|TCP|UDP|Worker|MessagePort|FSEvent)/.test(name))

test('loading any module does nothing but define what it exports', async t => {
	t.true(modules.length > 0)
	const globals = globalNames()
	const open = resources()
	const listeners = process.eventNames()
	for (const path of modules) {
		await import(pathToFileURL(join(dist, path)).href)
		t.deepEqual(globalNames(), globals, `${path} adds globals`)
		t.deepEqual(process.eventNames(), listeners, `${path} listens to the process`)
		t.deepEqual(resources(), open, `${path} leaves something open`)
	}
})
