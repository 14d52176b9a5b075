import test from 'ava'
import { copyFile, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { randomBytes } from 'node:crypto'
import { deleteMessage, patchMessage, putMessage } from '../../lib/autoconfig/messages.ts'
import { closedPort } from '../support/ports.ts'
import { recordingLogger } from '../support/recording-logger.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { envRep, follow, serveStream, status, type Calls } from './stream-server.ts'
import { fact } from './support.ts'

const two = putMessage({
	environments: { a: envRep('a', 1), b: envRep('b', 1) },
	filters: { 'p.f': { projKey: 'p', key: 'f', version: 1 } },
})
const TOLD: Calls = [['add', 'a', 'a name'], ['add', 'b', 'b name'], ['add filter', 'p.f', 'p', 'f'], ['all']]

/** Each test has streams at several addresses that are, for its files, one. */
const keptIn = (
	directory: string,
	key?: Uint8Array | string,
): { readonly directory: string; readonly name: string; readonly key?: Uint8Array | string } => ({
	directory,
	name: 'the stream',
	...(key !== undefined && { key }),
})

const filesIn = async (directory: string): Promise<string[]> =>
	(await readdir(directory).catch(() => [])).filter(file => file.endsWith('.lkg')).sort()

/** Leaves the two environments, and the filter, on the disk. */
const keepTwo = async (
	t: Parameters<typeof serveStream>[0],
	directory: string,
	key?: Uint8Array | string,
): Promise<void> => {
	const server = await serveStream(t, two)
	const { manager } = follow(t, server.url, { lastGood: keptIn(directory, key) })
	await manager.start()
	await manager.close()
}

test('without the service a start has what was good last, and the stream is not valid for that', async t => {
	const directory = await temporaryFolder(t)
	await keepTwo(t, directory)
	const nowhere = new URL(`http://127.0.0.1:${await closedPort()}/`)
	const { manager, calls } = follow(t, nowhere, { lastGood: keptIn(directory) })
	t.deepEqual(await manager.start(), { source: 'last-good' })
	t.deepEqual(calls, TOLD)
	t.true(manager.isReady)
	t.is(manager.status.state, 'INITIALIZING')
})

test('when the service is back, only what has changed is told', async t => {
	const directory = await temporaryFolder(t)
	await keepTwo(t, directory)
	const server = await serveStream(t, putMessage({ environments: { a: envRep('a', 2), c: envRep('c', 1) } }))
	server.answers.push(status(503))
	const { manager, clock, calls, called } = follow(t, server.url, { lastGood: keptIn(directory) })
	t.deepEqual(await manager.start(), { source: 'last-good' })
	await fact('it was refused', () => clock.timers.includes(1_000))
	await clock.advance(1_000)
	await called(8)
	t.deepEqual(calls.slice(4), [['update', 'a', 'a name'], ['add', 'c', 'c name'], ['delete', 'b'], ['all']])
	t.is(manager.status.state, 'VALID')
})

test('a stream that is there first is not overruled by the disk', async t => {
	const directory = await temporaryFolder(t)
	await keepTwo(t, directory)
	const server = await serveStream(t, putMessage({ environments: { a: envRep('a', 2) } }))
	const { manager, calls } = follow(t, server.url, { lastGood: keptIn(directory) })
	await manager.start()
	await fact('the stream was heard', () => manager.versionOf('a') === 2)
	await manager.close()
	t.is(calls.filter(([name]) => name === 'delete').length, calls.some(([, id]) => id === 'b') ? 1 : 0)
	t.deepEqual(
		[...manager.entries()].map(([id, , version]) => [id, version]),
		[['a', 2]],
	)
})

test('patches and deletes are kept, too, soon after they came', async t => {
	const directory = await temporaryFolder(t)
	const server = await serveStream(t, two)
	const { manager, clock } = follow(t, server.url, { lastGood: { ...keptIn(directory), saveDelay: 5_000 } })
	await manager.start()
	await fact('it waits to save', () => clock.timers.includes(5_000))
	server.send(patchMessage('environments', 'c', envRep('c', 4)), deleteMessage('environments', 'a', 2))
	await fact('both were heard', () => manager.size === 2 && manager.get('a') === undefined)
	t.deepEqual(await filesIn(directory), [])
	await clock.advance(5_000)
	for (let files = 0; files === 0; files = (await filesIn(directory)).length);
	const nowhere = new URL(`http://127.0.0.1:${await closedPort()}/`)
	const later = follow(t, nowhere, { lastGood: keptIn(directory) })
	await later.manager.start()
	t.deepEqual(
		[...later.manager.entries()].map(([id, , version]) => [id, version]),
		[
			['b', 1],
			['c', 4],
		],
	)
})

test('what has not changed is not written again', async t => {
	const directory = await temporaryFolder(t)
	await keepTwo(t, directory)
	const before = await filesIn(directory)
	t.is(before.length, 1)
	await keepTwo(t, directory)
	t.deepEqual(await filesIn(directory), before)
})

test('with a key nothing can be read without it, and with another one nothing is used', async t => {
	const directory = await temporaryFolder(t)
	const key = randomBytes(32)
	await keepTwo(t, directory, key)
	const [file] = await filesIn(directory)
	const bytes = await readFile(join(directory, file!))
	t.false(bytes.includes('sdk-a'))
	t.false(bytes.includes('environments'))

	const nowhere = new URL(`http://127.0.0.1:${await closedPort()}/`)
	for (const same of [key, key.toString('hex'), key.toString('base64'), key.toString('base64url')]) {
		const { manager, calls } = follow(t, nowhere, { lastGood: keptIn(directory, same) })
		t.deepEqual(await manager.start(), { source: 'last-good' })
		t.deepEqual(calls, TOLD)
		await manager.close()
	}
	for (const other of [randomBytes(32), undefined]) {
		const logger = recordingLogger()
		const { manager, calls } = follow(t, nowhere, { logger, lastGood: keptIn(directory, other) })
		void manager.start()
		await fact('it says so', () => logger.lines.some(([, line]) => line.startsWith('Cannot read')))
		t.deepEqual(calls, [])
		t.false(manager.isReady)
		await manager.close()
	}
	t.deepEqual(await filesIn(directory), [file!], 'and nothing was written in its place')
})

test('with a key a file that is not encrypted is not used', async t => {
	const directory = await temporaryFolder(t)
	await keepTwo(t, directory)
	const logger = recordingLogger()
	const nowhere = new URL(`http://127.0.0.1:${await closedPort()}/`)
	const { manager, calls } = follow(t, nowhere, { logger, lastGood: keptIn(directory, randomBytes(32)) })
	void manager.start()
	await fact('it says so', () => logger.lines.some(([, line]) => line.includes('not encrypted')))
	t.deepEqual(calls, [])
	t.false(manager.isReady)
})

test('a file that cannot be read is not an empty configuration', async t => {
	const directory = await temporaryFolder(t)
	await keepTwo(t, directory)
	const [file] = await filesIn(directory)
	const path = join(directory, file!)
	const bytes = await readFile(path)
	bytes[bytes.length - 50]! ^= 1
	await writeFile(path, bytes)
	const logger = recordingLogger()
	const server = await serveStream(t)
	const { manager, calls } = follow(t, server.url, { logger, lastGood: keptIn(directory) })
	const started = manager.start()
	await fact('it says so', () => logger.lines.some(([level]) => level === 'warn'))
	t.false(manager.isReady)
	t.deepEqual(calls, [])
	server.send(two)
	t.deepEqual(await started, { source: 'stream' })
	t.deepEqual(calls, TOLD)
})

const spoilt: Readonly<Record<string, (path: string, bytes: Buffer) => Promise<unknown>>> = {
	truncated: (path, bytes) => truncate(path, bytes.length - 1),
	empty: path => truncate(path, 0),
	'of a later format': (path, bytes) => {
		bytes.writeUInt16BE(2, 8)
		return writeFile(path, bytes)
	},
	'of somebody else': path => writeFile(path, '{"environments":{}}'),
	'changed within what is encrypted': (path, bytes) => {
		bytes[bytes.length - 60]! ^= 1
		return writeFile(path, bytes)
	},
}
for (const [title, spoil] of Object.entries(spoilt)) {
	test(`a file that is ${title} is said to be so, and is not used`, async t => {
		const directory = await temporaryFolder(t)
		const key = randomBytes(32)
		await keepTwo(t, directory, key)
		const path = join(directory, (await filesIn(directory))[0]!)
		await spoil(path, await readFile(path))
		const logger = recordingLogger()
		const server = await serveStream(t)
		const { manager, calls } = follow(t, server.url, { logger, lastGood: keptIn(directory, key) })
		const started = manager.start()
		await fact('it says so', () => logger.lines.some(([level]) => level === 'warn'))
		t.deepEqual(calls, [])
		t.false(manager.isReady)
		server.send(two)
		t.deepEqual(await started, { source: 'stream' })
	})
}

test('the encrypted file of another stream is not used in place of ours', async t => {
	const key = randomBytes(32)
	const [ours, theirs] = [await temporaryFolder(t), await temporaryFolder(t)]
	const server = await serveStream(t, two)
	const other = follow(t, server.url, { lastGood: { directory: theirs, name: 'another', key } })
	await other.manager.start()
	await other.manager.close()
	await keepTwo(t, ours, key)
	const [[file], [foreign]] = [await filesIn(ours), await filesIn(theirs)]
	await copyFile(join(theirs, foreign!), join(ours, file!))
	const logger = recordingLogger()
	const nowhere = new URL(`http://127.0.0.1:${await closedPort()}/`)
	const { manager, calls } = follow(t, nowhere, { logger, lastGood: keptIn(ours, key) })
	void manager.start()
	await fact('it says so', () => logger.lines.some(([, line]) => /snapshot/i.test(line)))
	t.deepEqual(calls, [])
	t.false(manager.isReady)
})

test('nobody else can read what is kept, and nothing half-written is left', async t => {
	const directory = join(await temporaryFolder(t), 'new')
	await keepTwo(t, directory)
	t.is((await stat(directory)).mode & 0o777, 0o700)
	const files = await readdir(directory)
	t.is(files.length, 1)
	t.is((await stat(join(directory, files[0]!))).mode & 0o777, 0o600)
})

test('a disk that took nothing is tried again, also if nothing has changed since', async t => {
	const directory = join(await temporaryFolder(t), 'file')
	await writeFile(directory, '')
	const logger = recordingLogger()
	const server = await serveStream(t, two)
	const { manager, clock } = follow(t, server.url, { logger, lastGood: keptIn(directory) })
	await manager.start()
	const warnings = (): number => logger.lines.filter(([, line]) => line.startsWith('Cannot save')).length
	for (const delay of [1_000, 2_000, 4_000]) {
		await fact('it waits to save', () => clock.timers.includes(delay))
		await clock.advance(delay)
	}
	await fact('it waits longer each time', () => clock.timers.includes(8_000))
	t.is(warnings(), 1, 'said once')
	await rm(directory)
	await clock.advance(8_000)
	await fact('it says that it works', () =>
		logger.lines.some(([level, line]) => level === 'info' && line.includes('saved again')),
	)
	t.is((await filesIn(directory)).length, 1)
	t.deepEqual(
		clock.timers.filter(due => due < 100_000),
		[],
		'and rests',
	)
})

test('a disk that takes nothing is a warning', async t => {
	const directory = join(await temporaryFolder(t), 'file')
	await writeFile(directory, '')
	const logger = recordingLogger()
	const server = await serveStream(t, two)
	const { manager, calls } = follow(t, server.url, { logger, lastGood: keptIn(directory) })
	t.deepEqual(await manager.start(), { source: 'stream' })
	await manager.close()
	t.deepEqual(calls, TOLD)
	t.true(logger.lines.some(([level, line]) => level === 'warn' && line.startsWith('Cannot save')))
})

test('what is saved is validated again, and what the stream sends badly has its good value from the disk', async t => {
	const directory = await temporaryFolder(t)
	await keepTwo(t, directory)
	const nowhere = new URL(`http://127.0.0.1:${await closedPort()}/`)
	const picky = follow(t, nowhere, {
		lastGood: keptIn(directory),
		validate: ({ envId }) => envId !== 'a' || 'not a',
	})
	await picky.manager.start()
	t.deepEqual([...picky.manager.refused], [['/environments/a', 'not a']])
	t.is(picky.manager.size, 1)
	await picky.manager.close()

	const server = await serveStream(
		t,
		putMessage({ environments: { a: envRep('a', 5, { envName: 'bad' }), c: envRep('c', 1) } }),
	)
	const { manager } = follow(t, server.url, {
		lastGood: keptIn(directory),
		validate: ({ identifiers }) => identifiers.envName !== 'bad' || 'bad',
	})
	await manager.start()
	await fact('the stream was heard', () => manager.refused.size === 1)
	await fact('it is all there', () => manager.size === 2)
	t.is(manager.versionOf('a'), 1)
	t.is(manager.versionOf('c'), 1)
	t.deepEqual([...manager.refused.keys()], ['/environments/a'])
})

test('a put of which nothing can be used does not stand in the way of the disk', async t => {
	const directory = await temporaryFolder(t)
	await keepTwo(t, directory)
	const server = await serveStream(t, putMessage({ environments: { bad: envRep('bad', 1) } }))
	const { manager } = follow(t, server.url, {
		lastGood: keptIn(directory),
		validate: ({ envId }) => envId !== 'bad' || 'no',
	})
	t.deepEqual(await manager.start(), { source: 'last-good' })
	await fact('the stream was heard', () => manager.status.state === 'VALID')
	t.deepEqual(
		[...manager.entries()].map(([id]) => id),
		['a', 'b'],
	)
})

test('a key that was in grace when the service stopped is in grace after a start from the disk', async t => {
	const directory = await temporaryFolder(t)
	const expiring = { value: 'old', timestamp: Date.UTC(2026, 0, 1) + 60_000 }
	const server = await serveStream(
		t,
		putMessage({ environments: { a: envRep('a', 1, { sdkKey: { value: 'new', expiring } }) } }),
	)
	const first = follow(t, server.url, { lastGood: keptIn(directory) })
	await first.manager.start()
	await first.manager.close()
	const nowhere = new URL(`http://127.0.0.1:${await closedPort()}/`)
	const { manager, clock, calls } = follow(t, nowhere, { lastGood: keptIn(directory) })
	await manager.start()
	t.is(manager.get('a')?.expiringSdkKey?.key, 'old')
	await clock.advance(60_001)
	t.deepEqual(calls.at(-1), ['expired', 'a', 'old', 'expired'])
})
