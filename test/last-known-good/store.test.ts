import { execFileSync } from 'node:child_process'
import {
	chmod,
	mkdir,
	readdir,
	readFile,
	rename,
	rm,
	stat,
	symlink,
	utimes,
	writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { RemoteTermError } from '../../lib/core/errors.ts'
import { isTemporary, stemOf } from '../../lib/last-known-good/file-names.ts'
import type { SkipReason, SnapshotStore } from '../../lib/last-known-good/store.ts'
import { openSnapshots as openNowhere } from '../../lib/last-known-good/store-none.ts'
import { FakeClock } from '../../lib/testing/fake-clock.ts'
import { interposed, systemError, type Step } from '../support/interposed-file-system.ts'
import { folder, isWhole, open, snapshotOf } from '../support/snapshots.ts'

const DAY = 24 * 3_600_000

const newest = async (store: SnapshotStore): Promise<string | undefined> =>
	(await store.load()).snapshot?.version

const versions = async (store: SnapshotStore): Promise<string[]> => {
	const found: string[] = []
	for await (const one of store.candidates())
		found.push(one.status === 'intact' ? one.snapshot.version : one.reason)
	return found
}

const snapshotFiles = async (directory: string): Promise<string[]> =>
	(await readdir(directory)).filter(file => file.endsWith('.lkg')).sort()

const temporaries = async (directory: string): Promise<string[]> =>
	(await readdir(directory)).filter(file => file.endsWith('.tmp'))

test('what is saved comes back in another process, every field of it', async t => {
	const directory = await folder(t)
	const saved = {
		...snapshotOf('"v1"'),
		validator: undefined,
		encoding: 'gzip',
		kind: 'table-image',
		publishedAt: 5,
		acceptedAt: 7.5,
		meta: { sequence: 9, nested: [{ text: 'ä\u0000\ud800', no: null }] },
	} as const
	await open(directory).save(saved)
	const { snapshot, skipped } = await open(directory).load()
	const { validator: _, ...rest } = saved
	t.deepEqual(snapshot, { ...rest, body: new Uint8Array(saved.body as Uint8Array) })
	t.deepEqual(skipped, [])
})

test('a body in several pieces, some empty and some larger than one write, comes back as one', async t => {
	const directory = await folder(t)
	const pieces = [
		new Uint8Array(0),
		Buffer.alloc(1_300_000, 'a'),
		Buffer.from('b'),
		Buffer.alloc(70_000, 'c'),
	]
	await open(directory).save({ ...snapshotOf('v1'), body: pieces })
	t.deepEqual((await open(directory).load()).snapshot?.body, new Uint8Array(Buffer.concat(pieces)))
})

test('bytes in shared memory, as a table image has them, are saved like any other', async t => {
	const directory = await folder(t)
	const body = new Uint8Array(new SharedArrayBuffer(5)).fill(7)
	await open(directory).save({ ...snapshotOf('v1'), body })
	t.deepEqual((await open(directory).load()).snapshot?.body, Uint8Array.of(7, 7, 7, 7, 7))
})

test('an empty body is a body', async t => {
	const directory = await folder(t)
	await open(directory).save({ ...snapshotOf('v1'), body: [] })
	t.is((await open(directory).load()).snapshot?.body.length, 0)
})

test('nothing is found where nothing was saved, and looking creates nothing', async t => {
	const directory = join(await folder(t), 'not', 'there')
	t.deepEqual(await open(directory).load(), { snapshot: undefined, skipped: [] })
	await t.throwsAsync(stat(directory), { code: 'ENOENT' })
})

test('the directory is created with its parents, and nobody else may read it or the snapshots', async t => {
	const directory = join(await folder(t), 'a', 'b')
	await open(directory).save(snapshotOf('v1'))
	const [file] = await snapshotFiles(directory)
	t.is((await stat(directory)).mode & 0o077, 0)
	t.is((await stat(join(directory, file!))).mode & 0o177, 0)
})

test('the newest come first, and no more than `keep` remain', async t => {
	const directory = await folder(t)
	const store = open(directory, { keep: 3 })
	for (const version of ['v1', 'v2', 'v3', 'v4', 'v5']) await store.save(snapshotOf(version))
	t.deepEqual(await versions(store), ['v5', 'v4', 'v3'])
	t.deepEqual(await readdir(directory), await snapshotFiles(directory))
})

test('saves that are asked for at once happen in the order of the calls', async t => {
	const store = open(await folder(t), { keep: 10 })
	await Promise.all(['v1', 'v2', 'v3', 'v4'].map(version => store.save(snapshotOf(version))))
	t.deepEqual(await versions(store), ['v4', 'v3', 'v2', 'v1'])
})

test('a clock that jumps a day back or forwards does not change which is the newest', async t => {
	const clock = new FakeClock()
	const store = open(await folder(t), { clock, keep: 10 })
	for (const [version, jump] of [
		['v1', -DAY],
		['v2', 2 * DAY],
		['v3', -5 * DAY],
		['v4', -(2 ** 50)],
		['v5', 0],
	] as const) {
		await store.save(snapshotOf(version))
		clock.jump(jump)
	}
	t.deepEqual(await versions(store), ['v5', 'v4', 'v3', 'v2', 'v1'])
})

test('what is saved already is not written again, unless it is damaged or something about it differs', async t => {
	const directory = await folder(t)
	const store = open(directory, { keep: 10 })
	await store.save(snapshotOf('v1'))
	const before = await snapshotFiles(directory)
	await store.save({ ...snapshotOf('v1'), acceptedAt: 99, validator: 'v1', meta: undefined })
	t.deepEqual(await snapshotFiles(directory), before)

	await store.save({ ...snapshotOf('v1'), meta: { sequence: 2 } })
	t.is((await snapshotFiles(directory)).length, 2)

	const [, second] = await snapshotFiles(directory)
	await writeFile(join(directory, second!), 'x', { flag: 'r+' })
	await store.save({ ...snapshotOf('v1'), meta: { sequence: 2 } })
	t.is((await snapshotFiles(directory)).length, 3)
	t.deepEqual((await store.load()).snapshot?.meta, { sequence: 2 })
})

test('an older state that is saved again becomes the newest', async t => {
	const store = open(await folder(t))
	for (const version of ['v1', 'v2', 'v1']) await store.save(snapshotOf(version))
	t.deepEqual(await versions(store), ['v1', 'v2', 'v1'])
})

test('a version that is forgotten does not return, and the one before does', async t => {
	const directory = await folder(t)
	const store = open(directory)
	for (const version of ['v1', 'v2', 'v3', 'v2']) await store.save(snapshotOf(version))
	t.is(await store.forget('v2'), 2)
	t.deepEqual(await versions(open(directory)), ['v3'])
	t.is(await store.forget('v2'), 0)
	t.is(await open(join(directory, 'none')).forget('v2'), 0)
})

const strangers: ReadonlyArray<{
	readonly title: string
	readonly reason: SkipReason
	readonly spoil: (path: string) => Promise<unknown> | void
}> = [
	{
		title: 'a file that ends too early',
		reason: 'truncated',
		spoil: async path => writeFile(path, (await readFile(path)).subarray(0, -1)),
	},
	{
		title: 'a file that ends within its header',
		reason: 'truncated',
		spoil: async path => writeFile(path, (await readFile(path)).subarray(0, 50)),
	},
	{ title: 'an empty file', reason: 'truncated', spoil: path => writeFile(path, '') },
	{
		title: 'a file with more behind it',
		reason: 'damaged',
		spoil: path => writeFile(path, 'x', { flag: 'a' }),
	},
	{
		title: 'a file with a wrong byte in its body',
		reason: 'damaged',
		spoil: async path => {
			const bytes = await readFile(path)
			bytes[bytes.length - 40]! ^= 1
			await writeFile(path, bytes)
		},
	},
	{
		title: 'a file of something else',
		reason: 'foreign',
		spoil: path => writeFile(path, '{ "no": "snapshot" } and long enough to be one, if it were one'),
	},
	{
		title: 'a file whose line ends were converted',
		reason: 'foreign',
		spoil: async path =>
			writeFile(path, (await readFile(path)).toString('latin1').replaceAll('\r\n', '\n'), 'latin1'),
	},
	{
		title: 'a file of a later format',
		reason: 'newer-format',
		spoil: async path => {
			const bytes = await readFile(path)
			bytes.writeUInt16BE(2, 8)
			await writeFile(path, bytes)
		},
	},
	{
		title: 'a folder',
		reason: 'foreign',
		spoil: async path => {
			await rm(path)
			await mkdir(path)
		},
	},
	{
		title: 'a symbolic link, even to an intact snapshot',
		reason: 'foreign',
		spoil: async path => {
			await rename(path, `${path}.moved`)
			await symlink(`${path}.moved`, path)
		},
	},
	{
		title: 'a named pipe, which would make a reader wait for ever',
		reason: 'foreign',
		spoil: async path => {
			await rm(path)
			execFileSync('mkfifo', [path])
		},
	},
	{
		title: 'a file that was renamed to be the newest',
		reason: 'misnamed',
		spoil: path => rename(path, path.replace(/\.0*2\./, '.000000000000003.')),
	},
]

for (const { title, reason, spoil } of strangers) {
	const run = process.platform === 'win32' ? test.skip : test
	run(`${title} is skipped, and the one before is used`, async t => {
		const directory = await folder(t)
		const store = open(directory)
		await store.save(snapshotOf('v1'))
		await store.save(snapshotOf('v2'))
		const [, file] = await snapshotFiles(directory)
		await spoil(join(directory, file!))

		const { snapshot, skipped } = await store.load()
		t.is(snapshot?.version, 'v1')
		t.deepEqual(
			skipped.map(one => one.reason),
			[reason],
		)
		t.not(skipped[0]!.detail, '')

		// Nor does it hinder what comes after it.
		for (const version of ['v3', 'v4', 'v5', 'v6']) await store.save(snapshotOf(version))
		t.is(await newest(store), 'v6')
	})
}

test('old damaged files are removed with the history, foreign ones and those of later formats are not', async t => {
	const directory = await folder(t)
	const store = open(directory, { keep: 2 })
	for (const version of ['v1', 'v2']) await store.save(snapshotOf(version))
	const [first, second] = await snapshotFiles(directory)
	await writeFile(join(directory, first!), 'something else altogether')
	await writeFile(join(directory, second!), '')
	for (const version of ['v3', 'v4', 'v5']) await store.save(snapshotOf(version))
	t.deepEqual(await versions(store), ['v5', 'v4', 'foreign'])
})

test('whatever the newer files hold, the newest intact snapshot is not removed', async t => {
	const directory = await folder(t)
	const [old, store] = [open(directory, { keep: 10 }), open(directory, { keep: 1 })]
	for (const version of ['v1', 'v2', 'v3', 'v4']) await old.save(snapshotOf(version))
	// Rot that shows only in the checksum.
	for (const file of (await snapshotFiles(directory)).slice(1)) {
		const bytes = await readFile(join(directory, file))
		bytes[bytes.length - 1]! ^= 1
		await writeFile(join(directory, file), bytes)
	}
	const failing = open(directory, {
		keep: 1,
		fileSystem: interposed(async (step, perform) => {
			if (step === 'rename') throw systemError('EIO')
			return perform()
		}),
	})
	await t.throwsAsync(failing.save(snapshotOf('v5')), { code: 'SNAPSHOT_FAILED' })
	t.is(await newest(store), 'v1')
	await store.save(snapshotOf('v5'))
	t.deepEqual(await versions(store), ['v5'])
})

test('terms that share a directory do not see each other', async t => {
	const directory = await folder(t)
	const names = [
		'rates',
		'Rates',
		'RATES',
		'rates ',
		'rätes',
		'rates~',
		'../rates',
		'rates\0',
		'x'.repeat(4096),
	]
	const stems = new Set(names.map(name => stemOf(name).toLowerCase()))
	t.is(stems.size, names.length)
	for (const name of names)
		await open(directory, { name }).save(snapshotOf(`of ${name.length} ${name.slice(0, 9)}`))
	for (const name of names)
		t.deepEqual(await versions(open(directory, { name })), [`of ${name.length} ${name.slice(0, 9)}`])
	for (const file of await readdir(directory)) t.regex(file, /^[a-z0-9_][a-z0-9_~.-]{0,120}\.lkg$/)
})

test('two names that lead to the same file names are told apart by the header, and prune leaves the other alone', async t => {
	// Lone surrogates: different strings, but the same bytes in UTF-8, and so the same digest.
	const [one, other] = ['\ud800', '\ud801']
	t.is(stemOf(one), stemOf(other))
	const directory = await folder(t)
	await open(directory, { name: one, keep: 1 }).save(snapshotOf('one'))
	const store = open(directory, { name: other, keep: 1 })
	for (const version of ['v1', 'v2', 'v3']) await store.save(snapshotOf(version))
	t.is(await newest(open(directory, { name: one })), 'one')
	t.deepEqual(await versions(store), ['v3', 'other-term'])
	t.is(await store.forget('one'), 0)
})

test('a history that has run out of numbers goes on by the clock', async t => {
	const directory = await folder(t)
	const clock = new FakeClock()
	const store = open(directory, { clock })
	await writeFile(
		join(directory, `${stemOf('rates')}.999999999999999.000000000000001.0123456789abcdef.lkg`),
		'not by us',
	)
	for (const version of ['v1', 'v2']) {
		await store.save(snapshotOf(version))
		clock.jump(1)
	}
	t.is(await newest(store), 'v2')
})

const failures: ReadonlyArray<readonly [step: Step, code: string]> = [
	['makeFolder', 'EACCES'],
	['makeFolder', 'EROFS'],
	['list', 'EMFILE'],
	['create', 'ENOSPC'],
	['create', 'EROFS'],
	['create', 'EMFILE'],
	['create', 'ENOENT'],
	['write', 'ENOSPC'],
	['write', 'EFBIG'],
	['write', 'EDQUOT'],
	['sync', 'EIO'],
	['close', 'EIO'],
	['rename', 'EACCES'],
	['rename', 'ENOENT'],
]
for (const [step, code] of failures) {
	test(`a save that meets ${code} in ${step} fails, and leaves what was there and nothing else`, async t => {
		const directory = await folder(t)
		const store = open(directory)
		await store.save(snapshotOf('v1'))
		const before = await readdir(directory)
		let failed = false
		let mayFail = false
		const fileSystem = interposed(async (at, perform) => {
			mayFail ||= at === 'create' || !['sync', 'close'].includes(step)
			if (at !== step || !mayFail) return perform()
			failed = true
			// A file that cannot be closed properly is closed all the same.
			if (at === 'close') await perform()
			throw systemError(code)
		})
		const error = await t.throwsAsync(open(directory, { fileSystem }).save(snapshotOf('v2')), {
			instanceOf: RemoteTermError,
			code: 'SNAPSHOT_FAILED',
			message: new RegExp(code),
		})
		t.true(failed)
		t.is((error.cause as { code: string }).code, code)
		t.is(error.term, 'rates')
		t.deepEqual(await readdir(directory), before)
		t.is(await newest(store), 'v1')
		await store.save(snapshotOf('v2'))
		t.is(await newest(store), 'v2')
	})
}

test('a disk that takes no more bytes, without an error, is a failure and not a loop', async t => {
	const directory = await folder(t)
	const fileSystem = interposed(async (step, perform, partly) => (step === 'write' ? partly!(0) : perform()))
	await t.throwsAsync(open(directory, { fileSystem }).save(snapshotOf('v1')), { code: 'SNAPSHOT_FAILED' })
	t.deepEqual(await readdir(directory), [])
})

test('writes that are done only in part are continued', async t => {
	const directory = await folder(t)
	await open(directory, {
		fileSystem: interposed((_, perform) => perform(), { longestWrite: 7 }),
	}).save(snapshotOf('v1'))
	const { snapshot } = await open(directory).load()
	t.true(isWhole(snapshot!))
})

test('the disk is told to keep the bytes before the name, and the name before the save is done', async t => {
	const directory = await folder(t)
	const steps: Step[] = []
	const fileSystem = interposed((step, perform) => {
		steps.push(step)
		return perform()
	})
	await open(directory, { fileSystem }).save(snapshotOf('v1'))
	t.deepEqual(steps.slice(steps.indexOf('create'), steps.indexOf('rename') + 4), [
		'create',
		'write',
		'write',
		'write',
		'sync',
		'stat',
		'close',
		'rename',
		'openFolder',
		'sync',
		'close',
	])
})

test('a file system that cannot make folders durable is good enough', async t => {
	const directory = await folder(t)
	const fileSystem = interposed(async (step, perform) => {
		if (step === 'openFolder') throw systemError('EPERM')
		return perform()
	})
	await open(directory, { fileSystem }).save(snapshotOf('v1'))
	t.is(await newest(open(directory)), 'v1')
})

test('a save whose temporary file or directory somebody removes is tried once more', async t => {
	const directory = join(await folder(t), 'cache')
	let meddled = 0
	const fileSystem = interposed(async (step, perform) => {
		if (step === 'rename' && meddled++ === 0) await rm(directory, { recursive: true })
		return perform()
	})
	await open(directory, { fileSystem }).save(snapshotOf('v1'))
	t.is(await newest(open(directory)), 'v1')
})

test('old snapshots that cannot be removed are logged, and the save is done', async t => {
	const directory = await folder(t)
	const warnings: string[] = []
	const fileSystem = interposed(async (step, perform) => {
		if (step === 'remove') throw systemError('EACCES')
		return perform()
	})
	const logger = { debug() {}, info() {}, warn: (message: string) => warnings.push(message), error() {} }
	const store = open(directory, { keep: 1, fileSystem, logger })
	await store.save(snapshotOf('v1'))
	await store.save(snapshotOf('v2'))
	t.is(await newest(store), 'v2')
	t.is(warnings.length, 1)
	t.regex(warnings[0]!, /rates.*EACCES/)
})

test('a directory that is a file costs the snapshot and nothing else', async t => {
	const path = join(await folder(t), 'file')
	await writeFile(path, '')
	const store = open(path)
	await t.throwsAsync(store.save(snapshotOf('v1')), { code: 'SNAPSHOT_FAILED' })
	const { snapshot, skipped } = await store.load()
	t.is(snapshot, undefined)
	t.like(skipped, [{ file: path, reason: 'unreadable' }])
})

test('a directory that may not be written, or read, costs the snapshot and nothing else', async t => {
	if (process.platform === 'win32' || process.getuid?.() === 0) {
		t.pass('There is no forbidden directory for this user; EACCES is emulated above.')
		return
	}
	const directory = await folder(t)
	const store = open(directory)
	await store.save(snapshotOf('v1'))
	await chmod(directory, 0o500)
	await t.throwsAsync(store.save(snapshotOf('v2')), { code: 'SNAPSHOT_FAILED' })
	t.is(await newest(store), 'v1')
	await chmod(directory, 0)
	t.like((await store.load()).skipped, [{ reason: 'unreadable' }])
	await chmod(directory, 0o700)
})

test('files that cannot be read are skipped', async t => {
	const directory = await folder(t)
	await open(directory).save(snapshotOf('v1'))
	for (const code of ['EIO', 'EACCES', 'EMFILE']) {
		for (const broken of ['open', 'stat', 'read'] as const) {
			const fileSystem = interposed(async (step, perform) => {
				if (step === broken) throw systemError(code)
				return perform()
			})
			t.like(await open(directory, { fileSystem }).load(), {
				snapshot: undefined,
				skipped: [{ reason: 'unreadable' }],
			})
		}
	}
})

test('what another process puts in the place of what it removes is found', async t => {
	const directory = await folder(t)
	const other = open(directory, { keep: 1 })
	await other.save(snapshotOf('v1'))
	let next = 2
	const fileSystem = interposed(async (step, perform) => {
		if (step === 'open' && next <= 5) await other.save(snapshotOf(`v${next++}`))
		return perform()
	})
	const { snapshot, skipped } = await open(directory, { fileSystem }).load()
	t.is(snapshot?.version, 'v5')
	t.true(skipped.every(({ reason }) => reason === 'vanished'))
})

test('leftovers of processes that died are removed once they are old enough, and fresh ones are not', async t => {
	const directory = await folder(t)
	const stem = stemOf('rates')
	const leave = async (index: number, minutesAgo: number): Promise<string> => {
		const file = `${stem}.${index}-0123456789abcdef.tmp`
		t.true(isTemporary(stem, file))
		await writeFile(join(directory, file), 'half a snap')
		const then = new Date(Date.now() - minutesAgo * 60_000)
		await utimes(join(directory, file), then, then)
		return file
	}
	const store = open(directory)
	const [, fresh] = [await leave(1, 16), await leave(2, 14)]
	await writeFile(join(directory, 'somebody-elses.tmp'), '')
	await store.save(snapshotOf('v1'))
	t.deepEqual((await temporaries(directory)).sort(), [fresh, 'somebody-elses.tmp'].sort())

	// A process that dies in each save must not fill the disk within a quarter of an hour.
	for (let index = 10; index < 30; index++) await leave(index, 2)
	const young = await leave(30, 0)
	await store.save(snapshotOf('v2'))
	t.deepEqual((await temporaries(directory)).sort(), [young, 'somebody-elses.tmp'].sort())
})

test('an aborted save leaves nothing, and rejects with the reason even while the disk hangs', async t => {
	const directory = await folder(t)
	const reason = new RemoteTermError('TIMEOUT', 'enough')
	for (const hanging of ['makeFolder', 'list', 'create', 'write', 'sync'] as const) {
		const controller = new AbortController()
		let release = (): void => {}
		const held = new Promise<void>(resolve => {
			release = resolve
		})
		const fileSystem = interposed(async (step, perform) => {
			if (step !== hanging) return perform()
			controller.abort(reason)
			await held
			return perform()
		})
		const store = open(directory, { fileSystem })
		const save = store.save(snapshotOf('v1'), { signal: controller.signal })
		t.is(await t.throwsAsync(save), reason)
		// The next one waits for what hangs, but not for ever either.
		const second = store.save(snapshotOf('v2'), { signal: AbortSignal.abort(reason) })
		t.is(await t.throwsAsync(second), reason)
		release()
		await store.forget('nothing')
		t.deepEqual(await readdir(directory), [])
	}
})

test('an aborted load rejects, even while the disk hangs', async t => {
	const directory = await folder(t)
	await open(directory).save(snapshotOf('v1'))
	for (const hanging of ['list', 'open', 'read'] as const) {
		const controller = new AbortController()
		let release = (): void => {}
		const held = new Promise<void>(resolve => {
			release = resolve
		})
		const fileSystem = interposed(async (step, perform) => {
			if (step === hanging) {
				controller.abort()
				await held
			}
			return perform()
		})
		await t.throwsAsync(open(directory, { fileSystem }).load({ signal: controller.signal }), {
			code: 'STOPPED',
		})
		release()
	}
})

test('a body beyond `maxBytes` is neither saved nor read', async t => {
	const directory = await folder(t)
	await t.throwsAsync(open(directory, { maxBytes: 199 }).save(snapshotOf('v1', 200)), {
		code: 'SNAPSHOT_FAILED',
	})
	await open(directory, { maxBytes: 200 }).save(snapshotOf('v1', 200))
	t.like(await open(directory, { maxBytes: 199 }).load(), { skipped: [{ reason: 'too-large' }] })
})

test('what could not be read again is not written', async t => {
	const directory = await folder(t)
	for (const spoilt of [
		{ meta: { long: 'x'.repeat(70_000) } },
		{ acceptedAt: NaN },
		{ kind: '../x' },
		{ encoding: 'rot13' as 'gzip' },
		{ version: 7 as unknown as string },
	])
		await t.throwsAsync(open(directory).save({ ...snapshotOf('v1'), ...spoilt }), {
			code: 'SNAPSHOT_FAILED',
		})
	t.deepEqual(await readdir(directory), [])
})

test('options that cannot be meant are refused', async t => {
	const directory = await folder(t)
	for (const options of [
		{ keep: 0 },
		{ keep: 1.5 },
		{ keep: 1001 },
		{ maxBytes: -1 },
		{ name: '' },
		{ name: 'x'.repeat(4097) },
		{ keeep: 3 },
	])
		t.throws(() => open(directory, options), { code: 'INVALID_OPTION' })
	for (const wrong of ['', 'a\0b', 7 as unknown as string])
		t.throws(() => open(wrong), { code: 'INVALID_OPTION', message: /lastKnownGood|NUL/ })
})

test('a runtime without a file system says so at once', t => {
	const options = { directory: '/x', name: 'rates', clock: new FakeClock(), logger: console }
	t.throws(() => openNowhere(options), { code: 'INVALID_OPTION', message: /rates.*no file system/ })
})
