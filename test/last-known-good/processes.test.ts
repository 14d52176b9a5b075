import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { stemOf } from '../../lib/last-known-good/file-names.ts'
import { folder, isWhole, open, snapshotOf } from '../support/snapshots.ts'

const CHILD = fileURLToPath(new URL('saving-child.js', import.meta.url))
const SAVES = 40

test('processes that save into one directory at once lose nothing that matters, and a reader always finds one', async t => {
	t.timeout(120_000)
	const directory = await folder(t)
	const names = { a: 'rates', b: 'rates', c: 'rates', d: 'rules' }
	for (const name of ['rates', 'rules']) await open(directory, { name }).save(snapshotOf('first'))

	const children = Object.entries(names).map(async ([label, name]) => {
		const child = spawn(process.execPath, [CHILD, directory, name, label, String(SAVES)], {
			stdio: ['ignore', 'pipe', 'inherit'],
		})
		let output = ''
		child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
		const [code] = (await once(child, 'close')) as [number | null]
		return { code, output }
	})
	let running = true
	const all = Promise.all(children).finally(() => {
		running = false
	})

	let reads = 0
	const latest: Record<string, number> = {}
	while (running) {
		for (const name of ['rates', 'rules']) {
			const { snapshot, skipped } = await open(directory, { name }).load()
			t.true(snapshot !== undefined && isWhole(snapshot))
			t.deepEqual(
				skipped.filter(({ reason }) => reason !== 'vanished'),
				[],
			)
			reads++
			// What one process saved never goes back, as seen by another.
			const [label, index] = snapshot!.version.split('-') as [string, string?]
			if (index === undefined) continue
			t.true(Number(index) >= (latest[label] ?? -1))
			latest[label] = Number(index)
		}
	}
	t.deepEqual(
		await all,
		children.map(() => ({ code: 0, output: String(SAVES) })),
	)
	t.true(reads > 10)

	const files = await readdir(directory)
	t.deepEqual(
		files.filter(file => !file.endsWith('.lkg')),
		[],
	)
	// Each process leaves at most its own last one beyond `keep`.
	t.true(files.filter(file => file.startsWith(stemOf('rates'))).length <= 2 + 3)
	t.is((await open(directory, { name: 'rules' }).load()).snapshot?.version, `d-${SAVES - 1}`)
	t.regex((await open(directory).load()).snapshot!.version, new RegExp(`^[abc]-${SAVES - 1}$`))
	await open(directory, { keep: 2 }).save(snapshotOf('last'))
	t.is((await readdir(directory)).filter(file => file.startsWith(stemOf('rates'))).length, 2)
})
