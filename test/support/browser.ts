import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import anyTest, { type ExecutionContext, type TestFn } from 'ava'
import { chromium, type BrowserContext, type BrowserContextOptions, type Page } from 'playwright-core'
import { temporaryDirectory } from './temporary.ts'

const isThere = (path: string): boolean => {
	try {
		accessSync(path, constants.X_OK)
		return true
	} catch {
		return false
	}
}

const executablePath = (process.env['PATH'] ?? '')
	.split(delimiter)
	.map(folder => join(folder, 'chromium'))
	.find(isThere)

/**
 * `test` of ava for what needs a browser: skipped where there is no chromium, save in CI, where that is a failure. One after
 * the other, since a browser takes a processor for itself.
 */
export const browserTest = (): TestFn['serial'] | TestFn['skip'] => {
	const test = anyTest
	return executablePath !== undefined || Boolean(process.env['CI']) ? test.serial : test.skip
}

const ARGUMENTS = [
	...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
	...['--disable-component-update', '--disable-sync'],
]

export interface Visit {
	readonly page: Page
	readonly context: BrowserContext
	/** Every URL that was asked for, favicons included. */
	readonly requested: string[]
	/** What the browser complained about: scripts that failed, what the page's own policy has blocked. */
	readonly complaints: string[]
}

/** A browser of the test's own, with a fresh profile, and an empty page in it; gone with the test. */
export const openPage = async (t: ExecutionContext, options: BrowserContextOptions = {}): Promise<Visit> => {
	if (executablePath === undefined) throw new Error('There is no chromium on the PATH')
	const { path, remove } = await temporaryDirectory()
	t.teardown(remove)
	const context = await chromium.launchPersistentContext(path, {
		...{ executablePath, headless: true, args: ARGUMENTS, chromiumSandbox: false },
		...options,
	})
	t.teardown(() => context.close())
	const requested: string[] = []
	const complaints: string[] = []
	context.on('request', request => requested.push(request.url()))
	context.on('console', message => {
		if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
	})
	context.on('weberror', error => complaints.push(error.error().message))
	const page = context.pages()[0] ?? (await context.newPage())
	return { page, context, requested, complaints }
}
