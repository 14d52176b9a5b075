import test, { type ExecutionContext } from 'ava'
import { gzipSync } from 'node:zlib'
import { StaticFetcher } from '../../fetchers/static.ts'
import { RemoteTermError } from '../../lib/core/errors.ts'
import {
	imageBytes,
	TableTerm,
	tableFromImage,
	type Table,
	type TableTermOptions,
} from '../../lib/table/index.ts'
import { next } from '../support/terms.ts'

interface City {
	readonly id: string
	readonly name: string
}

const text = (...names: readonly string[]): string =>
	JSON.stringify(names.map(name => ({ id: name.toLowerCase(), name })))

const termOf = (
	t: ExecutionContext,
	body: string | Uint8Array,
	options: Partial<TableTermOptions<City>> = {},
): { term: TableTerm<City>; source: StaticFetcher } => {
	const source = new StaticFetcher({ body })
	const term = new TableTerm<City>({
		fetcher: source,
		key: 'id',
		refreshInterval: null,
		logger: false,
		...options,
	})
	t.teardown(() => term.stop())
	return { term, source }
}

test('a table term is usable as it is', async t => {
	const { source, term } = termOf(t, gzipSync(text('Ulm', 'Bonn')))
	t.is(term.get(), undefined)
	t.is(term.lookup('ulm'), undefined)
	await term.start()
	const first = term.get()!
	t.is(first.size, 2)
	t.is(first.generation, 1)
	t.deepEqual(first.change, { added: 2, changed: 0, removed: 0 })
	t.deepEqual(term.lookup('ulm'), { id: 'ulm', name: 'Ulm' })

	const updated = next(term, 'updated')
	source.set({ body: text('Ulm', 'Köln', 'Kyōto') })
	const outcome = await term.update()
	t.is(outcome.status, 'updated')
	t.deepEqual(outcome.status === 'updated' && outcome.change, { added: 2, changed: 0, removed: 1 })
	t.is((await updated).term, term.get()!)
	t.is(term.lookup('bonn'), undefined)
	t.deepEqual(term.lookup('kyōto'), { id: 'kyōto', name: 'Kyōto' })
	t.deepEqual([...first.keys()], ['ulm', 'bonn'], 'the table that is held stays what it was')
	t.is((await term.update()).status, 'unchanged')
	t.is(term.get()?.generation, 2)
})

test('a large table is made in a thread, a small one in place, and a small body may be a large table', async t => {
	const threads = new URL('./fixtures/functions.js', import.meta.url)
	const key = { module: threads, export: 'threadOf' }
	for (const [body, where] of [
		[text('Ulm'), 'main'],
		[JSON.stringify([{ id: 'x'.repeat(100_000) }]), 'worker'],
		[gzipSync(JSON.stringify([{ id: 'x'.repeat(500_000) }])), 'worker'],
	] as const) {
		const { term } = termOf(t, body, { key })
		await term.start()
		t.deepEqual([...term.get()!.keys()], [where])
	}
})

test('whatever is refused leaves the table in place, with the reason in health', async t => {
	const { source, term } = termOf(t, text('Ulm'), { minRows: 1, maxInflatedBytes: 50_000 })
	await term.start()
	const table = term.get()
	for (const [body, code] of [
		['', 'EMPTY_BODY'],
		['[]', 'VALIDATION_FAILED'],
		['<html>', 'DESERIALIZE_FAILED'],
		['[{"id":"a"},{"id":"a"}]', 'VALIDATION_FAILED'],
		['[{"name":"secret"}]', 'VALIDATION_FAILED'],
		[gzipSync(text('Bonn')).subarray(0, 20), 'INFLATE_FAILED'],
		[gzipSync(`[${' '.repeat(60_000)}]`), 'INFLATED_TOO_LARGE'],
	] as const) {
		source.set({ body })
		const outcome = await term.update()
		t.is(outcome.status, 'failed')
		t.is(outcome.status === 'failed' && outcome.error.code, code)
		t.is(term.health().lastError?.code, code)
		t.is(term.get(), table)
		t.notRegex(JSON.stringify(term.health()), /secret/)
	}
	t.is(term.get()?.generation, 1)
	source.set({ body: text('Bonn') })
	t.is((await term.update()).status, 'updated')
	t.is(term.get()?.generation, 2)
})

test('a worker that crashes is a failure, not a verdict: the version is tried again', async t => {
	const big = JSON.stringify([{ id: 'x'.repeat(100_000) }])
	const crashing = { module: new URL('./fixtures/functions.js', import.meta.url), export: 'crashing' }
	const { term } = termOf(t, big, { key: crashing })
	const error = await t.throwsAsync(() => term.start(), { instanceOf: RemoteTermError })
	t.is(error.code, 'WORKER_FAILED')
	t.is(term.health().refusedVersion, undefined)
})

test('stop ends a refresh that works in a thread', async t => {
	const big = JSON.stringify([{ id: 'x'.repeat(100_000) }])
	const endless = { module: new URL('./fixtures/functions.js', import.meta.url), export: 'untilDead' }
	const { term } = termOf(t, big, { key: endless })
	const starting = term.start()
	const refused = t.throwsAsync(() => starting, { instanceOf: RemoteTermError })
	await new Promise(resolve => setImmediate(resolve))
	await term.stop()
	t.is((await refused).code, 'STOPPED')
})

test('a refresh that takes too long is given up, and the thread with it', async t => {
	const big = JSON.stringify([{ id: 'x'.repeat(100_000) }])
	const endless = { module: new URL('./fixtures/functions.js', import.meta.url), export: 'untilDead' }
	const { term } = termOf(t, big, { key: endless, timeout: 300 })
	t.is((await t.throwsAsync(() => term.start(), { instanceOf: RemoteTermError })).code, 'TIMEOUT')
})

test('changes tell the way from table to table, first from nothing', async t => {
	const { source, term } = termOf(t, text('Ulm', 'Bonn'))
	const changes = term.changes({ keys: true })
	const pending = changes.next()
	await term.start()
	const first = (await pending).value!
	t.like(first, { added: 2, changed: 0, removed: 0, generation: 1, generations: 1 })
	t.deepEqual([...first.keys!.added], ['ulm', 'bonn'])

	source.set({
		body: JSON.stringify([
			{ id: 'bonn', name: 'B' },
			{ id: 'köln', name: 'K' },
		]),
	})
	await term.update()
	const second = (await changes.next()).value!
	t.like(second, { added: 1, changed: 1, removed: 1, generation: 2, generations: 1, version: term.version })
	t.deepEqual([...second.keys!.added], ['köln'])
	t.deepEqual([...second.keys!.changed], ['bonn'])
	t.deepEqual([...second.keys!.removed], ['ulm'])
	t.is(second.table, term.get()!)

	// Two refreshes while nobody looks are one change.
	source.set({ body: text('Graz') })
	await term.update()
	source.set({ body: text('Bonn', 'Graz') })
	await term.update()
	const third = (await changes.next()).value!
	t.like(third, { added: 1, changed: 1, removed: 1, generation: 4, generations: 2 })
	t.deepEqual([...third.keys!.changed], ['bonn'])

	const last = changes.next()
	await term.stop()
	t.true((await last).done)
	t.true((await term.changes().next()).done)
})

test('changes without keys, and until a signal', async t => {
	const { source, term } = termOf(t, text('Ulm'))
	await term.start()
	const controller = new AbortController()
	const changes = term.changes({ signal: controller.signal })
	t.like((await changes.next()).value, { added: 1, keys: undefined })
	const pending = changes.next()
	source.set({ body: text('Ulm', 'Bonn') })
	await term.update()
	t.like((await pending).value, { added: 1, changed: 0, removed: 0, generation: 2 })
	const last = changes.next()
	controller.abort()
	t.true((await last).done)
})

test('a bundled table is in place from the beginning, and is compared with', async t => {
	const { term: other } = termOf(t, text('Ulm', 'Bonn'))
	await other.start()
	const initial: Table<City> = tableFromImage(Buffer.concat([...imageBytes(other.get()!)]))
	const { term } = termOf(t, text('Ulm'), { initial })
	t.is(term.get(), initial)
	t.is(term.get()?.generation, 1)
	await term.start()
	t.is(term.get()?.generation, 2)
	t.deepEqual(term.get()?.change, { added: 0, changed: 0, removed: 1 })
})

test('a ready value that is no table is refused', async t => {
	const fetcher = new StaticFetcher({ value: [{ id: 1 }] })
	const term = new TableTerm({ fetcher, key: 'id', logger: false })
	t.teardown(() => term.stop())
	t.is((await t.throwsAsync(() => term.start(), { instanceOf: RemoteTermError })).code, 'VALIDATION_FAILED')
})

test('the drift guard counts rows', async t => {
	const { source, term } = termOf(t, text('Ulm', 'Bonn', 'Graz', 'Wien'), { driftGuard: { keys: 2 } })
	await term.start()
	source.set({ body: text('Ulm') })
	const outcome = await term.update()
	t.is(outcome.status === 'failed' && outcome.error.code, 'DRIFT_REFUSED')
	t.is(term.get()?.size, 4)
})

test('options are checked at the door', t => {
	const fetcher = new StaticFetcher({ body: '[]' })
	for (const [options, name] of [
		[{ format: 'csv' }, 'format'],
		[{ key: 7 }, 'key'],
		[{ key: () => 1 }, 'key'],
		[{ key: '/a~2' }, 'key'],
		[{ key: { module: './relative.js' } }, 'key.module'],
		[{ key: { module: 'file:///x.js', name: 'x' } }, 'key'],
		[{ format: 'ndjson' }, 'key'],
		[{ key: 'id', onDuplicate: 'lastt' }, 'onDuplicate'],
		[{ key: 'id', onBadRow: 'keep' }, 'onBadRow'],
		[{ key: 'id', minRows: -1 }, 'minRows'],
		[{ key: 'id', maxRows: 0 }, 'maxRows'],
		[{ key: 'id', maxRowBytes: 2 ** 24 }, 'maxRowBytes'],
		[{ key: 'id', rowSchema: { '~standard': {} } }, 'rowSchema'],
		[{ key: 'id', rowSchema: () => true }, 'rowSchema'],
		[{ key: 'id', onDuplicates: 'last' }, 'onDuplicates'],
		[{ key: 'id', resourceLimits: 7 }, 'resourceLimits'],
		[
			{ key: 'id', resourceLimits: { maxOldGenerationSizeMb: '64' } },
			'resourceLimits.maxOldGenerationSizeMb',
		],
		[{ key: 'id', resourceLimits: { stackSizeMb: -1 } }, 'resourceLimits.stackSizeMb'],
		[{ key: 'id', resourceLimits: { maxOldSpaceSizeMb: 64 } }, 'maxOldSpaceSizeMb'],
	] as const) {
		const error = t.throws(
			() => new TableTerm({ fetcher, ...(options as object) }),
			{ instanceOf: RemoteTermError },
			name,
		)
		t.is(error.code, 'INVALID_OPTION')
		t.true(error.message.includes(`\`${name}\``), error.message)
	}
})
