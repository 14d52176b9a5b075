import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
	appendFileSync,
	chmodSync,
	mkdirSync,
	symlinkSync,
	truncateSync,
	utimesSync,
	writeFileSync,
} from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { FileFetcher, type FileFetcherOptions } from '../../fetchers/file.ts'
import { collect } from '../../lib/core/bytes.ts'
import type { Download, DownloadedBody } from '../../lib/core/fetcher.ts'
import { context } from '../support/context.ts'
import { openFilesIn, temporaryDirectory } from '../support/temporary.ts'

const LARGE = 5 * 2 ** 20

const directory = async (t: ExecutionContext): Promise<string> => {
	const { path, remove } = await temporaryDirectory()
	t.teardown(remove)
	return path
}

const bytesOf = async (download: Download): Promise<Uint8Array> => {
	if (!('body' in download)) throw new Error('no body')
	return download.body instanceof Uint8Array ? download.body : collect(download.body)
}

const streaming = async (fetcher: FileFetcher) => {
	const download = (await fetcher.download(context())) as DownloadedBody
	const iterator = (download.body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]()
	const rest = async (): Promise<number> => {
		let length = 0
		for (let step = await iterator.next(); step.done !== true; step = await iterator.next())
			length += step.value.length
		return length
	}
	return { download, first: (await iterator.next()).value as Uint8Array, rest }
}

test('the path may be absolute, relative or a URL, and the version is the digest of the content', async t => {
	const path = join(await directory(t), 'größe 100%.json')
	await writeFile(path, 'abc')
	utimesSync(path, 0, 1_700_000_000)
	for (const form of [path, relative(process.cwd(), path), pathToFileURL(path)]) {
		const download = await new FileFetcher({ path: form }).download(context())
		t.deepEqual(download, {
			body: new TextEncoder().encode('abc'),
			size: 3,
			publishedAt: 1_700_000_000_000,
			// FIPS 180-2, appendix B.1.
			version: 'sha-256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
		})
	}
})

const refused: ReadonlyArray<readonly [string, unknown]> = [
	['no path', {}],
	['an empty path', { path: '' }],
	['a number', { path: 3 }],
	['a NUL', { path: 'a\0b' }],
	['a URL of another kind', { path: new URL('https://example.com/x') }],
	['a URL with a host', { path: new URL('file://server/share/x') }],
	['an encoded slash', { path: new URL('file:///a%2Fb') }],
	['an unknown option', { path: 'a', pathh: 'b' }],
]

for (const [name, options] of refused) {
	test(`refuses ${name}`, t => {
		t.throws(() => new FileFetcher(options as FileFetcherOptions), { code: 'INVALID_OPTION' })
	})
}

test('what is no regular file is refused without waiting for it, and named', async t => {
	const path = await directory(t)
	execFileSync('mkfifo', [join(path, 'fifo')])
	const server = createServer().listen(join(path, 'socket'))
	await once(server, 'listening')
	t.teardown(() => server.close())
	const kinds = [
		[path, 'a directory'],
		[join(path, 'fifo'), 'a FIFO'],
		[join(path, 'socket'), 'a socket'],
		['/dev/zero', 'a device'],
	] as const
	for (const [of, kind] of kinds) {
		const fetcher = new FileFetcher({ path: of })
		const message = `Expected ${of} to be a regular file, but it is ${kind}`
		await t.throwsAsync(fetcher.download(context()), { code: 'FETCH_FAILED', message })
		await t.throwsAsync(fetcher.currentVersion(context()), { code: 'FETCH_FAILED', message })
		await t.throwsAsync(fetcher.downloadIfChanged('x', context()), { code: 'FETCH_FAILED', message })
	}
})

test('faults of the file system have codes, say the path once, and keep their cause', async t => {
	const path = await directory(t)
	writeFileSync(join(path, 'file'), 'x')
	symlinkSync('loop', join(path, 'loop'))
	const faults = [
		['missing', 'FETCH_NOT_FOUND', 'ENOENT'],
		['file/beneath', 'FETCH_NOT_FOUND', 'ENOTDIR'],
		['loop', 'FETCH_FAILED', 'ELOOP'],
		['x'.repeat(300), 'FETCH_FAILED', 'ENAMETOOLONG'],
	] as const
	for (const [name, code, cause] of faults) {
		const file = join(path, name)
		const error = await t.throwsAsync(new FileFetcher({ path: file }).download(context()), { code })
		t.like(error.cause, { code: cause })
		t.regex(error.message, new RegExp(`^Cannot read \\S+: ${cause}: [a-z ]+$`))
		t.is(error.message.split(file).length, 2)
	}
})

test('a file that we may not read is FETCH_DENIED', async t => {
	const path = await directory(t)
	const file = join(path, 'secret')
	writeFileSync(file, 'x', { mode: 0 })
	chmodSync(path, 0o755)
	const script = `
		import { FileFetcher } from ${JSON.stringify(new URL('../../fetchers/file.js', import.meta.url).href)}
		const context = { signal: new AbortController().signal, clock: { monotonic: () => 0 } }
		const fetcher = new FileFetcher({ path: ${JSON.stringify(file)} })
		// Root may read anything, so root becomes nobody, now that everything is loaded that nobody might not read.
		if (process.getuid() === 0) process.setuid(65_534)
		await fetcher.download(context).catch(error => console.log(error.code, error.cause.code))
	`
	const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
		cwd: '/',
		encoding: 'utf8',
		// Nobody may not write where the coverage is collected either.
		env: { ...process.env, NODE_V8_COVERAGE: '' },
	})
	t.is(stdout + stderr, 'FETCH_DENIED EACCES\n')
})

test('a file renamed over the one that is being read does not disturb it', async t => {
	const path = join(await directory(t), 'term.bin')
	await writeFile(path, new Uint8Array(LARGE).fill(1))
	const fetcher = new FileFetcher({ path })
	const { download, first, rest } = await streaming(fetcher)
	await writeFile(`${path}.new`, new Uint8Array(LARGE).fill(2))
	await rename(`${path}.new`, path)
	t.is(download.size, LARGE)
	t.is(first.length + (await rest()), LARGE)
	const next = await bytesOf(await fetcher.download(context()))
	t.is(next[LARGE - 1], 2)
})

test('a file that grows while it is read delivers what was promised', async t => {
	const path = join(await directory(t), 'term.log')
	await writeFile(path, new Uint8Array(LARGE))
	const { first, rest } = await streaming(new FileFetcher({ path }))
	appendFileSync(path, 'more')
	t.is(first.length + (await rest()), LARGE)
})

for (const [name, write] of [
	['is cut short', (path: string) => truncateSync(path, LARGE / 2)],
	['is overwritten', (path: string) => writeFileSync(path, new Uint8Array(LARGE).fill(2))],
] as const) {
	test(`a file that ${name} while it is read is FETCH_INCOMPLETE, and closed`, async t => {
		const path = await directory(t)
		const file = join(path, 'term.bin')
		await writeFile(file, new Uint8Array(LARGE).fill(1))
		const fetcher = new FileFetcher({ path: file })
		const { first, rest } = await streaming(fetcher)
		t.true(first.length < LARGE)
		write(file)
		await t.throwsAsync(rest(), { code: 'FETCH_INCOMPLETE' })
		while ((await openFilesIn(path)) > 0) await new Promise(setImmediate)
		t.true((await bytesOf(await fetcher.download(context()))).length > 0)
	})
}

test('close() closes what was neither read nor given up', async t => {
	const path = await directory(t)
	await writeFile(join(path, 'term.bin'), new Uint8Array(LARGE))
	const fetcher = new FileFetcher({ path: join(path, 'term.bin') })
	const { rest } = await streaming(fetcher)
	t.is(await openFilesIn(path), process.platform === 'linux' ? 1 : 0)
	await fetcher.close()
	t.is(await openFilesIn(path), 0)
	await t.throwsAsync(rest())
})

if (process.platform === 'linux') {
	test('a file of /proc, which announces no size, is read to its end', async t => {
		const download = await new FileFetcher({ path: '/proc/self/limits' }).download(context())
		const bytes = await bytesOf(download)
		t.regex(new TextDecoder().decode(bytes), /Max open files/)
		t.is('size' in download ? download.size : undefined, bytes.length)
	})
}

test('init does not ask for the file, which may come later', async t => {
	const path = join(await directory(t), 'later')
	const fetcher = new FileFetcher({ path })
	await t.notThrowsAsync(fetcher.init())
	await t.throwsAsync(fetcher.download(context()), { code: 'FETCH_NOT_FOUND' })
	mkdirSync(join(path, '..'), { recursive: true })
	await writeFile(path, 'x')
	t.is((await bytesOf(await fetcher.download(context()))).length, 1)
})
