import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, open, readFile, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import fc from 'fast-check'
import { open as openLmdb } from 'lmdb'
import { ConfigReceiver } from '../../lib/config/index.ts'
import { LmdbConfigDb } from '../../lib/config/lmdb.ts'
import { freePages } from '../../lib/config/lmdb/free-list.ts'
import { readMeta, Torn, type Meta } from '../../lib/config/lmdb/meta.ts'
import { encode, FORMAT_KEY } from '../../lib/config/lmdb/rows.ts'
import { RemoteTermError } from '../../lib/core/errors.ts'
import { silentLogger } from '../../lib/core/logger.ts'
import { fun, push } from '../support/configs.ts'
import { temporaryFolder } from '../support/temporary.ts'

const logger = silentLogger

/** A database with some services in it, closed. */
const stored = async (t: ExecutionContext): Promise<{ path: string; contents: string }> => {
	const path = join(await temporaryFolder(t), 'config.lmdb')
	const db = new LmdbConfigDb({ path, logger })
	await db.open()
	const receiver = new ConfigReceiver({ db, logger })
	for (let version = 1; version <= 3; version++) {
		for (let service = 0; service < 12; service++) {
			const items = Array.from({ length: 8 }, (_, index) =>
				fun(`r${index}`, { args: { note: `${version} `.repeat(service * 40) } }),
			)
			await receiver.push(push(`s${service}`, `${version}.0.0`, items))
		}
	}
	await receiver.deletePushedService('s3')
	const contents = contentsOf(db)
	await db.close()
	return { path, contents }
}

const contentsOf = (db: LmdbConfigDb): string =>
	JSON.stringify(db.services().map(record => [record, db.items(record.service)]))

const many = Array.from({ length: 8 }, (_, index) =>
	fun(`r${index}`, { args: { note: 'later '.repeat(index * 90) } }),
)

const metaOf = async (path: string): Promise<Meta> => {
	await using file = await open(path)
	return readMeta(file.fd) as Meta
}

const refusal = async (t: ExecutionContext, path: string): Promise<string> => {
	const db = new LmdbConfigDb({ path, logger })
	const error = await t.throwsAsync(db.open(), { instanceOf: RemoteTermError })
	t.is(error.code, 'DATABASE_FAILED')
	const again = await t.throwsAsync(db.commit({} as never), { instanceOf: RemoteTermError })
	t.is(again.code, 'STOPPED')
	return error.message
}

test('a file that is cut off anywhere is refused, or has lost nothing, and the process lives', async t => {
	const { path, contents } = await stored(t)
	const { size } = await stat(path)
	let refused = 0
	await fc.assert(
		fc.asyncProperty(fc.integer({ min: 1, max: size - 1 }), async length => {
			const cut = `${path}.cut`
			await copyFile(path, cut)
			await truncate(cut, length)
			await using db = new LmdbConfigDb({ path: cut, logger })
			try {
				await db.open()
			} catch (error) {
				t.is((error as RemoteTermError).code, 'DATABASE_FAILED')
				t.regex((error as RemoteTermError).message, /is torn|no database of ours/)
				refused++
				return
			}
			// LMDB itself lets a file end before pages that nobody uses.
			t.is(contentsOf(db), contents)
		}),
		{ numRuns: 60 },
	)
	t.true(refused > 30)
})

test('a file that is overwritten anywhere is refused, or holds exactly what it held', async t => {
	const { path, contents } = await stored(t)
	const original = await readFile(path)
	let refused = 0
	await fc.assert(
		fc.asyncProperty(
			fc.nat({ max: original.length - 1 }),
			fc.oneof(
				fc.uint8Array({ minLength: 1, maxLength: 4 }),
				fc.nat(12_000).map(length => new Uint8Array(length + 1).fill(0xff)),
				fc.nat(12_000).map(length => new Uint8Array(length + 1)),
				fc.uint8Array({ minLength: 500, maxLength: 5_000, size: 'max' }),
			),
			async (at, bytes) => {
				const damaged = `${path}.damaged`
				const copy = Buffer.from(original)
				copy.set(bytes.subarray(0, copy.length - at), at)
				await writeFile(damaged, copy)
				await using db = new LmdbConfigDb({ path: damaged, logger })
				try {
					await db.open()
				} catch (error) {
					t.is((error as RemoteTermError).code, 'DATABASE_FAILED')
					refused++
					return
				}
				t.is(contentsOf(db), contents)
				// Nor does what was not seen do harm once the file is written to.
				const receiver = new ConfigReceiver({ db, logger })
				await Promise.all(
					[0, 1, 2, 3, 4, 5].map(service => receiver.push(push(`s${service}`, '4.0.0', many))),
				)
				const written = contentsOf(db)
				await db.close()
				await using again = new LmdbConfigDb({ path: damaged, logger })
				await again.open()
				t.is(contentsOf(again), written)
			},
		),
		{ numRuns: 120 },
	)
	t.true(refused > 10)
})

test('a list of free pages that names pages in use, or pages twice, is refused', async t => {
	const { path } = await stored(t)
	const original = await readFile(path)
	const { pageSize, free, data, lastPage } = await metaOf(path)
	// The newest row of the list, last on the leaf that its tree is.
	t.is(free.depth, 1)
	const leaf = free.root! * pageSize
	const last = leaf + 24 + original.readUInt16LE(leaf + 24 + 2 * (Number(free.entries) - 1))
	const row = original
		.subarray(last + 8 + original.readUInt16LE(last + 6))
		.subarray(0, original.readUInt32LE(last))
	const pages = [...freePages(row)].flatMap(({ first, count }) =>
		Array.from({ length: count }, (_, index) => Number(first) + index),
	)
	t.true(pages.length > 2)
	const named = row.indexOf(Buffer.from(BigUint64Array.of(BigInt(pages[0]!)).buffer))
	const refusalWith = async (page: bigint): Promise<string> => {
		const damaged = `${path}.free`
		const copy = Buffer.from(original)
		copy.writeBigInt64LE(page, row.byteOffset - original.byteOffset + named)
		await writeFile(damaged, copy)
		return refusal(t, damaged)
	}
	t.regex(await refusalWith(BigInt(data.root!)), /is torn: it refers to page \d+ twice/)
	t.regex(await refusalWith(BigInt(pages[1]!)), /is torn: it refers to page \d+ twice/)
	t.regex(await refusalWith(BigInt(lastPage) + 1n), /is torn: it refers to page \d+, which it does not have/)
	t.regex(await refusalWith(4_143_160_920n), /is torn: it refers to page 4143160920, which it does not have/)
	t.regex(await refusalWith(-(2n ** 40n)), /is torn: the list of its free pages is overwritten/)
})

test('a first page that would bring back what was overwritten is refused', async t => {
	const { path } = await stored(t)
	const original = await readFile(path)
	const { pageSize, transaction } = await metaOf(path)
	const older = ((transaction - 1n) % 2n === 0n ? 0 : pageSize) + 24 + 128
	t.is(original.readBigUInt64LE(older), transaction - 1n)
	for (const claimed of [transaction + 1n, transaction + 2n, 2n ** 64n - 1n, transaction, 0n]) {
		const copy = Buffer.from(original)
		copy.writeBigUInt64LE(claimed, older)
		await writeFile(`${path}.older`, copy)
		t.regex(
			await refusal(t, `${path}.older`),
			/is torn: its first pages? (are of transactions|is of transaction)/,
		)
	}
})

test('a last page that the file cannot have is refused before LMDB maps it', async t => {
	const { path } = await stored(t)
	const original = await readFile(path)
	const { pageSize, transaction, lastPage } = await metaOf(path)
	const at = Number(transaction % 2n) * pageSize + 24 + 120
	t.is(original.readBigUInt64LE(at), BigInt(lastPage))
	for (const last of [2n ** 63n, 2n ** 40n, 2n ** 30n, 1_000_000n, BigInt(lastPage) + 1n]) {
		const copy = Buffer.from(original)
		copy.writeBigUInt64LE(last, at)
		await writeFile(`${path}.last`, copy)
		t.regex(
			await refusal(t, `${path}.last`),
			/is torn: (it has \d+ pages, and its last one|page \d+ is cut off)/,
		)
	}
})

test('a row of the list of free pages yields the pages that it was made of, or is torn', t => {
	const runs = fc.array(
		fc.record({ first: fc.bigInt(2n, 2n ** 40n), count: fc.integer({ min: 1, max: 9_999 }) }),
	)
	const words = (written: ReadonlyArray<{ first: bigint; count: number }>): bigint[] =>
		written.flatMap(({ first, count }) => (count === 1 ? [first, 0n] : [0n, BigInt(-count), first]))
	const rowOf = (entries: readonly bigint[], count = entries.length): Buffer =>
		Buffer.from(BigInt64Array.of(BigInt(count), ...entries).buffer)
	fc.assert(
		fc.property(runs, written => {
			t.deepEqual([...freePages(rowOf(words(written)))], written)
			// Room at the end that is not counted.
			t.deepEqual([...freePages(Buffer.concat([rowOf(words(written)), Buffer.alloc(16)]))], written)
		}),
	)
	fc.assert(
		fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
			try {
				for (const { first, count } of freePages(Buffer.from(bytes))) t.true(first > 0n && count > 0)
			} catch (error) {
				t.true(error instanceof Torn)
			}
		}),
	)
	for (const row of [
		Buffer.alloc(0),
		Buffer.alloc(9),
		rowOf([7n], 2),
		rowOf([7n], -1),
		rowOf([-3n]),
		rowOf([-3n, -3n]),
	]) {
		t.throws(() => [...freePages(row)], { instanceOf: Torn })
	}
})

test('a file of something else is refused as foreign', async t => {
	const folder = await temporaryFolder(t)
	const text = join(folder, 'text.lmdb')
	await writeFile(text, 'This is not a database.\n'.repeat(1_000))
	t.regex(await refusal(t, text), /no database of ours/)
	t.is((await readFile(text, 'utf8')).length, 24_000)

	const other = join(folder, 'other.lmdb')
	const environment = openLmdb({ path: other, noSubdir: true })
	await environment.put('format', { magic: 'something else' })
	await environment.close()
	t.regex(await refusal(t, other), /a database of something else/)
})

test('a file of a newer format is refused, and says which', async t => {
	const { path } = await stored(t)
	const environment = openLmdb<Uint8Array, string[]>({ path, noSubdir: true, encoding: 'binary' })
	await environment.put([...FORMAT_KEY], encode(FORMAT_KEY, { magic: 'remote-term/config', format: 2 }))
	await environment.close()
	t.regex(await refusal(t, path), /format 2, and this version of remote-term reads format 1/)
})

test('rows that are missing, swapped or altered are found', async t => {
	const { path } = await stored(t)
	const changed = async (
		change: (environment: ReturnType<typeof openLmdb<Uint8Array, string[]>>) => Promise<unknown>,
	): Promise<string> => {
		const copy = `${path}.copy`
		await copyFile(path, copy)
		const environment = openLmdb<Uint8Array, string[]>({ path: copy, noSubdir: true, encoding: 'binary' })
		await change(environment)
		await environment.close()
		return refusal(t, copy)
	}
	const key = ['item', 's1', 'r1', '0.0.0']
	t.regex(await changed(one => one.remove(key)), /rows of service s1 are not complete/)
	t.regex(await changed(one => one.remove(['service', 's1'])), /rows of service s1 are not complete/)
	t.regex(
		await changed(one => one.put(key, Uint8Array.from(one.get(['item', 's1', 'r2', '0.0.0'])!))),
		/corrupt/,
	)
	const polluted = JSON.parse(
		'{"service":"s1","requestType":"r1","version":"0.0.0","__proto__":{"a":1}}',
	) as object
	t.regex(await changed(one => one.put(key, encode(key, polluted))), /__proto__/)
	t.is(({} as { a?: unknown }).a, undefined)
})

test('a file that another process has open is refused, until that is gone, however it went', async t => {
	const path = join(await temporaryFolder(t), 'config.lmdb')
	const writer = fileURLToPath(new URL('../support/config-writer.js', import.meta.url))
	const child = spawn(process.execPath, [writer, path, '1'], { stdio: ['ignore', 'pipe', 'inherit'] })
	t.teardown(() => child.kill('SIGKILL'))
	const exited = once(child, 'exit')
	const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
	await lines.next()
	t.regex(await refusal(t, path), new RegExp(`in use by process ${child.pid}`))
	child.kill('SIGKILL')
	await exited
	await using db = new LmdbConfigDb({ path, logger })
	await db.open()
	t.true(db.services().length <= 1)
})

test('a file that this process has open is refused, by whatever name', async t => {
	const folder = await temporaryFolder(t)
	const path = join(folder, 'config.lmdb')
	await using db = new LmdbConfigDb({ path, logger })
	await db.open()
	t.regex(
		await refusal(t, `${folder}/../${folder.split('/').at(-1)}/config.lmdb`),
		/open in this process already/,
	)
	await new ConfigReceiver({ db, logger }).push(push('orders', '1.0.0'))
	t.is(db.size, 1)
})

test('who was taken over by another process notices before it writes', async t => {
	const path = join(await temporaryFolder(t), 'config.lmdb')
	await using db = new LmdbConfigDb({ path, logger })
	await db.open()
	const receiver = new ConfigReceiver({ db, logger })
	await receiver.push(push('orders', '1.0.0'))
	const usurper = openLmdb<Uint8Array, string[]>({
		path,
		noSubdir: true,
		encoding: 'binary',
		overlappingSync: false,
	})
	await usurper.put(['owner'], encode(['owner'], { pid: 1, token: 'another' }))
	const error = await t.throwsAsync(receiver.push(push('orders', '2.0.0')), { instanceOf: RemoteTermError })
	t.is(error.code, 'DATABASE_FAILED')
	t.regex(error.message, /another process has taken it over/)
	t.is(db.service('orders')?.configVersion, '1.0.0')
	await usurper.close()
})

test('the file grows with what is stored', async t => {
	const path = join(await temporaryFolder(t), 'config.lmdb')
	const db = new LmdbConfigDb({ path, logger })
	await db.open()
	const receiver = new ConfigReceiver({ db, logger })
	const args = Object.fromEntries(Array.from({ length: 25 }, (_, index) => [`a${index}`, 'x'.repeat(8_000)]))
	const items = Array.from({ length: 20 }, (_, index) => fun(`r${index}`, { args }))
	for (let service = 0; service < 10; service++) await receiver.push(push(`s${service}`, '1.0.0', items))
	t.true((await stat(path)).size > 40_000_000)
	const before = contentsOf(db)
	await db.close()
	await using again = new LmdbConfigDb({ path, logger })
	await again.open()
	t.is(contentsOf(again), before)
})

/** What a process says that writes to a disk which is full beyond so many blocks of 512 bytes, before it ends by itself. */
const outcomesOnFullDisk = async (t: ExecutionContext, path: string, blocks: number): Promise<string[][]> => {
	const writer = fileURLToPath(new URL('../support/config-filler.js', import.meta.url))
	const command = `trap '' XFSZ; ulimit -f ${blocks}; exec '${process.execPath}' '${writer}' '${path}'`
	const child = spawn('sh', ['-c', command], { stdio: ['ignore', 'pipe', 'ignore'] })
	t.teardown(() => child.kill('SIGKILL'))
	const exited = once(child, 'exit')
	const outcomes: string[][] = []
	for await (const line of createInterface({ input: child.stdout })) outcomes.push(line.split(' '))
	t.deepEqual(await exited, [0, null])
	return outcomes
}

test('a disk that is full when the database is opened is an error, and the process lives', async t => {
	const { path, contents } = await stored(t)
	t.deepEqual(await outcomesOnFullDisk(t, path, 1), [['open', 'DATABASE_FAILED']])
	await using db = new LmdbConfigDb({ path, logger })
	await db.open()
	t.is(contentsOf(db), contents)
})

test('a disk that is full costs the pushes that did not fit, and neither the process nor what was acknowledged', async t => {
	const path = join(await temporaryFolder(t), 'config.lmdb')
	const outcomes = await outcomesOnFullDisk(t, path, 4000)
	const acknowledged = outcomes
		.filter(([, outcome]) => outcome === 'accepted')
		.map(([service = '']) => service)
	const failed = outcomes.map(([, outcome = '']) => outcome).filter(outcome => outcome !== 'accepted')
	t.true(acknowledged.length > 0)
	t.deepEqual([...new Set(failed)], ['DATABASE_FAILED'])
	await using db = new LmdbConfigDb({ path, logger })
	await db.open()
	t.deepEqual(
		db.services().map(({ service }) => service),
		acknowledged.sort(),
	)
	t.is((await new ConfigReceiver({ db, logger }).push(push('later', '1.0.0'))).status, 'accepted')
})

test('a path that cannot be used is an error that names it', async t => {
	const file = join(await temporaryFolder(t), 'file')
	await writeFile(file, 'x')
	t.regex(await refusal(t, join(file, 'config.lmdb')), /ENOTDIR|EEXIST/)
	t.throws(() => new LmdbConfigDb({ path: '' }), { message: /`path`/ })
})
