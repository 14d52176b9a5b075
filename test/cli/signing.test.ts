import { readFile, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { keygen } from '../../lib/cli/keygen.ts'
import { sign } from '../../lib/cli/sign.ts'
import { check } from '../../lib/cli/check.ts'
import { FakeClock } from '../../lib/testing/fake-clock.ts'
import { folder } from '../support/snapshots.ts'

const setUp = async (t: ExecutionContext) => {
	const directory = await folder(t)
	const at = (name: string): string => join(directory, name)
	const clock = new FakeClock()
	let output = ''
	const io = { stdout: { write: (text: string) => (output += text) }, clock }
	const printed = (): string => {
		const text = output
		output = ''
		return text
	}
	await writeFile(at('rates.json'), '{"EUR":1}')
	await keygen({ out: at('key') }, io)
	return {
		directory,
		at,
		clock,
		io,
		printed,
		file: at('rates.json'),
		key: at('key'),
		publicKey: at('key.pub'),
	}
}

test('a key pair is made, a file is signed with it, and the signature is verified', async t => {
	const { at, io, printed, file, key, publicKey } = await setUp(t)
	const text = (await readFile(publicKey, 'utf8')).trim()
	t.true(printed().includes(text))
	await sign({ file, keys: [key], name: 'rates', sequence: 3, label: 'first' }, io)
	t.regex(printed(), /name {7}rates\nsequence {3}3 \(first\)\n/)
	for (const one of [publicKey, text]) {
		await check({ file, keys: [one], name: 'rates', minSequence: 3 }, io)
		t.regex(
			printed(),
			/^verified .*rates\.json \(9 bytes\)\nsigned by {2}[0-9a-f]{16}[^]*as expected[^]*at least 3/,
		)
	}
	await check({ file, keys: [text] }, io)
	t.regex(printed(), /name {7}"rates", as signed \(nothing to compare it with\)/)
	t.regex(await readFile(at('rates.json.sig'), 'utf8'), /"sequence": 3/)
})

test('nobody else may read the private key, and neither key is overwritten or printed', async t => {
	const { at, io, printed, key, publicKey, directory } = await setUp(t)
	if (process.platform !== 'win32') t.is((await stat(key)).mode & 0o777, 0o600)
	const [secret, before] = [await readFile(key, 'utf8'), await readFile(publicKey, 'utf8')]
	t.false(printed().includes(secret.split('\n')[1]!))
	await t.throwsAsync(keygen({ out: key }, io), { code: 'INVALID_OPTION', message: /exists already/ })
	await writeFile(at('other.pub'), 'somebody else’s')
	await t.throwsAsync(keygen({ out: at('other') }, io), { code: 'INVALID_OPTION' })
	await writeFile(at('third'), 'a private key whose public half was lost')
	await t.throwsAsync(keygen({ out: at('third') }, io), { code: 'INVALID_OPTION' })
	t.is(await readFile(key, 'utf8'), secret)
	t.is(await readFile(publicKey, 'utf8'), before)
	t.is(await readFile(at('third'), 'utf8'), 'a private key whose public half was lost')
	t.deepEqual((await readdir(directory)).sort(), ['key', 'key.pub', 'other.pub', 'rates.json', 'third'])
	await t.throwsAsync(keygen({ out: at('no/such/folder') }, io), { code: 'OUTPUT_FAILED' })
})

test('an automatic sequence is the time, and always above the one before, whatever the clock does', async t => {
	const { at, clock, io, file, key } = await setUp(t)
	const sequence = async (): Promise<number> => {
		await sign({ file, keys: [key], name: 'rates', sequence: 'auto' }, io)
		return (JSON.parse(await readFile(at('rates.json.sig'), 'utf8')) as { sequence: number }).sequence
	}
	const now = clock.now()
	t.is(await sequence(), now)
	t.is(await sequence(), now + 1)
	clock.jump(-86_400_000)
	t.is(await sequence(), now + 2)
	clock.jump(2 * 86_400_000)
	t.is(await sequence(), now + 86_400_000)
})

test('what terms would refuse after the signature that is there is not signed', async t => {
	const { io, file, key, at } = await setUp(t)
	const request = { file, keys: [key], name: 'rates' }
	await sign({ ...request, sequence: 5 }, io)
	await sign({ ...request, sequence: 5 }, io)
	await t.throwsAsync(sign({ ...request, sequence: 4 }, io), { code: 'INVALID_OPTION', message: /above 5/ })
	await t.throwsAsync(sign({ ...request, sequence: 6, name: 'rules' }, io), { code: 'INVALID_OPTION' })
	await writeFile(file, '{"EUR":2}')
	await t.throwsAsync(sign({ ...request, sequence: 5 }, io), { code: 'INVALID_OPTION' })
	await sign({ ...request, sequence: 6 }, io)
	await writeFile(at('rates.json.sig'), 'not an envelope')
	await t.throwsAsync(sign({ ...request, sequence: 'auto' }, io), { code: 'SIGNATURE_INVALID' })
})

test('files that are missing, keys that are none, and names that cannot be are refused', async t => {
	const { io, file, key, publicKey, at } = await setUp(t)
	const request = { file, keys: [key], name: 'rates', sequence: 1 }
	await t.throwsAsync(sign({ ...request, file: at('none') }, io), { code: 'FETCH_NOT_FOUND' })
	await t.throwsAsync(sign({ ...request, keys: [at('none')] }, io), { code: 'FETCH_NOT_FOUND' })
	await t.throwsAsync(sign({ ...request, keys: [] }, io), { code: 'INVALID_OPTION' })
	await t.throwsAsync(sign({ ...request, keys: [publicKey] }, io), {
		code: 'INVALID_OPTION',
		message: /key\.pub/,
	})
	await t.throwsAsync(sign({ ...request, name: '' }, io), { code: 'INVALID_OPTION' })
	await t.throwsAsync(sign({ ...request, sequence: 1.5 }, io), { code: 'INVALID_OPTION' })
	await t.throwsAsync(check({ file, keys: [publicKey] }, io), { code: 'SIGNATURE_MISSING' })
	await sign(request, io)
	await t.throwsAsync(check({ file, keys: [] }, io), { code: 'INVALID_OPTION' })
	await t.throwsAsync(check({ file, keys: [at('none')] }, io), { code: 'FETCH_NOT_FOUND' })
	const error = await t.throwsAsync(check({ file, keys: [key] }, io), {
		code: 'INVALID_OPTION',
		message: /private/,
	})
	t.false(error.message.includes((await readFile(key, 'utf8')).split('\n')[1]!))
})

test('a file that was changed, another key, another name and a lower sequence are found out', async t => {
	const { io, file, key, publicKey, at, printed } = await setUp(t)
	await keygen({ out: at('stranger') }, io)
	await sign({ file, keys: [key], name: 'rates', sequence: 7 }, io)
	printed()
	await t.throwsAsync(check({ file, keys: [at('stranger.pub')] }, io), { code: 'SIGNATURE_INVALID' })
	await t.throwsAsync(check({ file, keys: [publicKey], name: 'rules' }, io), { code: 'SIGNATURE_INVALID' })
	await t.throwsAsync(check({ file, keys: [publicKey], minSequence: 8 }, io), { code: 'ROLLBACK_REFUSED' })
	await writeFile(file, '{"EUR":9}')
	await t.throwsAsync(check({ file, keys: [publicKey] }, io), { code: 'SIGNATURE_INVALID' })
	t.is(printed(), '')
})

test('two keys sign while one is being replaced', async t => {
	const { io, file, key, publicKey, at } = await setUp(t)
	await keygen({ out: at('next') }, io)
	await sign({ file, keys: [key, at('next')], name: 'rates', sequence: 1, out: at('both.sig') }, io)
	for (const one of [publicKey, at('next.pub')])
		await t.notThrowsAsync(check({ file, keys: [one], signature: at('both.sig') }, io))
})
