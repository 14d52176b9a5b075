import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import test, { type ExecutionContext } from 'ava'
import { attachTable, TableTerm, type TableHandle } from '../../lib/table/index.ts'
import type { LiveBytes } from './fixtures/live-bytes.ts'
import type { RacingReaderData } from './fixtures/racing-reader.ts'
import { countingFetcher, isWhole, type StampedRow } from './fixtures/versioned-rows.ts'

const fixture = (name: string): URL => new URL(`./fixtures/${name}.js`, import.meta.url)

const termOf = (t: ExecutionContext, rows: number): TableTerm<StampedRow> => {
	const term = new TableTerm<StampedRow>({
		fetcher: countingFetcher(rows, 20),
		format: 'ndjson',
		key: 'id',
		refreshInterval: null,
		logger: false,
	})
	t.teardown(() => term.stop())
	return term
}

test.serial(
	'threads that read at full speed through 200 flips see whole rows, and never an older generation',
	async t => {
		t.timeout(120_000)
		const rows = 50
		const term = termOf(t, rows)
		const log = new SharedArrayBuffer(8)
		const shared = new Int32Array(log)
		const workerData: RacingReaderData = { handle: term.handle, log, rows }
		const workers = Array.from({ length: 3 }, () => new Worker(fixture('racing-reader'), { workerData }))
		t.teardown(() => Promise.all(workers.map(worker => worker.terminate())))
		await Promise.all(workers.map(worker => once(worker, 'online')))

		await term.start()
		const own = attachTable<StampedRow>(term.handle)
		for (let flip = 2; flip <= 201; flip++) {
			const outcome = await term.update()
			t.is(outcome.status, 'updated')
			const floor = Atomics.load(shared, 0)
			const table = term.get()!
			if (table.generation !== flip || table.generation < floor)
				t.fail(`${table.generation} after ${floor}, in flip ${flip}`)
			if (own.generation !== flip)
				t.fail(`attached in the owner's own thread: ${own.generation} in flip ${flip}`)
			const row = table.get('row-7')!
			if (!isWhole(row) || row.version !== flip) t.fail(`a torn row in flip ${flip}`)
		}
		Atomics.store(shared, 1, 1)
		const seen = await Promise.all(
			workers.map(
				async worker =>
					(await once(worker, 'message'))[0] as {
						faults: string
						reads: number
						flips: number
						last: number
					},
			),
		)
		for (const { faults, flips, last, reads } of seen) {
			t.is(faults, '')
			t.true(flips > 1, `${flips} flips, ${reads} reads`)
			t.true(last > 1)
		}
		t.log(seen)
	},
)

test.serial(
	'a thread that attaches late, or while the owner is busy, is given the current generation',
	async t => {
		const term = termOf(t, 10)
		const { handle } = term
		t.is(attachTable(handle).get(), undefined)
		await term.start()
		for (let i = 0; i < 5; i++) await term.update()
		const sleep = new SharedArrayBuffer(4)
		const worker = new Worker(fixture('idle-reader'), { workerData: { handle, readsOnce: true, sleep } })
		t.teardown(() => worker.terminate())
		await once(worker, 'message')
		await term.update()
		Atomics.store(new Int32Array(sleep), 0, 1)
		Atomics.notify(new Int32Array(sleep), 0)
		// The owner's loop does not turn until the reader has read: it reads through the keeper, not through us.
		const [generation] = (await once(worker, 'message')) as [number]
		t.is(generation, 7)
	},
)

test.serial('a stopped term goes on being readable, from everywhere', async t => {
	const term = termOf(t, 10)
	const attached = attachTable<StampedRow>(term.handle)
	await term.start()
	await term.stop()
	t.is(attached.get()?.size, 10)
	t.true(isWhole(attached.lookup('row-3')!))
	t.is(attachTable(term.handle).generation, 1)
})

test.serial('when the thread of the owner has died, readers go on with what they have', async t => {
	const owner = new Worker(fixture('owner'))
	t.teardown(() => owner.terminate())
	const [handle] = (await once(owner, 'message')) as [TableHandle]
	const attached = attachTable<StampedRow>(handle)
	const table = attached.get()
	t.is(table?.generation, 1)

	owner.postMessage('refresh')
	t.deepEqual(await once(owner, 'message'), [2])
	await owner.terminate()
	// Nobody can give the second one any more. That is found out once, and takes as long as a reader is patient.
	t.is(attached.get(), table)
	t.is(attached.get(), table)
	t.true(isWhole(attached.lookup('row-3')!))
	t.is(attached.generation, 1)
})

test('what is no handle is refused', t => {
	for (const handle of [undefined, null, {}, { type: 'remote-term/table' }, 7])
		t.throws(() => attachTable(handle as never), { code: 'INVALID_OPTION' })
})

test.serial(
	'memory after 100 refreshes is what it was after the first few, whoever does not read, sleeps or is dead',
	async t => {
		t.timeout(180_000)
		const { stdout } = await promisify(execFile)(process.execPath, [fileURLToPath(fixture('memory'))])
		const { early, late, generation, tableMiB, woken } = JSON.parse(stdout) as Record<string, number> & {
			woken: unknown
		}
		t.log(stdout)
		t.is(generation, 101)
		t.deepEqual(woken, [101, 101], 'those who slept see the last generation when they wake')
		t.true(tableMiB! >= 5)
		// The heaps of all threads breathe by some 80 MiB. A leak of every generation would be 340 MiB.
		t.true(late! - early! < 160, `${early} MiB around the first refreshes, ${late} around the last`)
	},
)

for (const history of [0, 1]) {
	test.serial(
		`with history: ${history}, what is held after 99 refreshes is to the byte what was held after 3`,
		async t => {
			t.timeout(120_000)
			const { stdout } = await promisify(execFile)(process.execPath, [
				fileURLToPath(fixture('live-bytes')),
				String(history),
			])
			const { bodyBytes, results } = JSON.parse(stdout) as {
				bodyBytes: [number, number]
				results: LiveBytes[]
			}
			t.deepEqual(
				results.map(({ refreshes }) => refreshes),
				[3, 99],
			)
			for (const { bodies, images, table } of results) {
				t.true(table > 400_000)
				t.is(images, table, 'one image')
				t.is(
					bodies,
					history === 0 ? 0 : bodyBytes[0] + bodyBytes[1],
					'the bodies of the history, and no other',
				)
			}
			t.is(results[0]?.table, results[1]?.table)
		},
	)
}
