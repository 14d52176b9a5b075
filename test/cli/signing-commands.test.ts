import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { command, runInside, temporaryFolder, type Ended } from '../support/command.ts'
import { serveFiles } from '../support/file-origin.ts'
import { sha256 } from '../support/publisher.ts'

interface Desk {
	readonly folder: string
	readonly run: (...args: readonly string[]) => Promise<Ended>
	readonly read: (name: string) => string
	/** The middle of each private key, which nothing may print. */
	readonly secrets: () => readonly string[]
}

/** A folder with a document and a pair of keys, and the command in it. */
const setUp = async (t: ExecutionContext): Promise<Desk> => {
	const folder = temporaryFolder(t)
	const read = (name: string): string => readFileSync(join(folder, name), 'utf8')
	const secrets = (): readonly string[] => [read('key').split('\n')[1]!.slice(-30)]
	const run = async (...args: readonly string[]): Promise<Ended> => {
		const ended = await command(t, args, { cwd: folder })
		for (const secret of secrets()) t.false((ended.out + ended.err).includes(secret))
		return ended
	}
	writeFileSync(join(folder, 'rates.json'), '{"EUR":1}')
	const made = await run('keygen', '--out', 'key')
	t.is(made.code, 0, made.err)
	t.regex(made.out, /private key {2}key \(keep it secret\)\n[^]*rtpk1:/)
	return { folder, run, read, secrets }
}

test('a file is signed and verified, each by one command', async t => {
	const { run, read } = await setUp(t)
	const signed = await run('sign', 'rates.json', '--key', 'key', '--name', 'rates', '--label', 'spring')
	t.deepEqual([signed.code, signed.err], [0, ''])
	t.regex(signed.out, /^signed {5}rates\.json \(9 bytes\)\nname {7}rates\nsequence {3}\d{13} \(spring\)/)
	t.like(JSON.parse(read('rates.json.sig')), { name: 'rates', digest: `sha-256:${sha256('{"EUR":1}')}` })
	for (const key of ['key.pub', read('key.pub').trim()]) {
		const verified = await run('check', 'rates.json', '--public-key', key, '--name', 'rates')
		t.is(verified.code, 0, verified.err)
		t.regex(verified.out, /^verified {3}rates\.json[^]*"rates", as expected/)
	}
})

test('what does not fit is exit code 3, what is not there 1, and what makes no sense 2', async t => {
	const { run, folder, read } = await setUp(t)
	const missing = await run('check', 'rates.json', '--public-key', 'key.pub')
	t.is(missing.code, 3)
	t.regex(missing.err, /^remote-term: Expected rates\.json to be signed.* \(SIGNATURE_MISSING\)\n$/)

	const sign = ['sign', 'rates.json', '--key', 'key', '--name', 'rates'] as const
	t.is((await run(...sign, '--sequence', '7')).code, 0)
	const lower = await run(...sign, '--sequence', '6')
	t.is(lower.code, 2)
	t.regex(lower.err, /above 7/)
	const check = ['check', 'rates.json', '--public-key', 'key.pub'] as const
	t.regex((await run(...check, '--min-sequence', '8')).err, /\(ROLLBACK_REFUSED\)/)
	t.regex((await run(...check, '--name', 'limits')).err, /\(SIGNATURE_INVALID\)/)
	writeFileSync(join(folder, 'rates.json'), '{"EUR":9}')
	t.is((await run(...check)).code, 3)

	t.is((await run('sign', 'none.json', '--key', 'key', '--name', 'rates')).code, 1)
	t.regex(
		(await run('keygen', '--out', 'key')).err,
		/exists already, and is not overwritten \(INVALID_OPTION\)/,
	)
	for (const key of ['key', read('key')]) {
		const wrong = await run('check', 'rates.json', '--public-key', key)
		t.is(wrong.code, 2)
		t.regex(wrong.err, /got a private key/)
	}
})

const mistakes: ReadonlyArray<readonly [args: readonly string[], said: RegExp]> = [
	[['keygen'], /required option '-o, --out <file>' not specified/],
	[['sign', 'x', '--key', 'k'], /required option '--name <name>' not specified/],
	[['sign', 'x', '--name', 'n'], /required option '-k, --key <file>' not specified/],
	[['sign', '--key', 'k', '--name', 'n'], /missing required argument 'FILE'/],
	[['sign', 'x', '--key', 'k', '--name', 'n', '--sequence', '1.5'], /'1\.5' is invalid.*auto, or a whole/],
	[['check', 'x'], /required option '--public-key <key>' not specified/],
	[['check', 'x', '--public-key', 'k', '--min-sequence', '-1'], /'-1' is invalid.*0 or more/],
	[['get', 'x', '--public-key', 'rtpk1:x'], /Expected --name beside --public-key/],
	[['get', 'x', '--public-key', 'rtpk1:x', '--name', 'n'], /an Ed25519 public key/],
]
for (const [args, said] of mistakes) {
	test(`remote-term ${args.join(' ')} is a mistake that is explained`, async t => {
		const { code, out, err } = await runInside(args)
		t.deepEqual([code, out], [2, ''])
		t.regex(err, /^remote-term: .* \(INVALID_OPTION\)\n(?: {2}hint: .*\n)?$/)
		t.regex(err, said)
	})
}

for (const name of ['keygen', 'sign', 'check']) {
	test(`remote-term ${name} --help teaches by examples`, async t => {
		const { code, out } = await runInside([name, '--help'])
		t.is(code, 0)
		t.regex(out, new RegExp(`Examples:\\n[^]* {2}\\$ remote-term ${name} `))
		t.regex(out, /Exit codes:[^]*docs\/integrity\.md/)
	})
}

test('get and watch take only what is signed for that name, where a key is given', async t => {
	const { run, read, folder } = await setUp(t)
	const origin = await serveFiles(t)
	const publish = (): void => {
		for (const file of ['rates.json', 'rates.json.sig']) origin.publish(`/${file}`, read(file))
	}
	const url = new URL('/rates.json', origin.url).href
	const read1 = ['get', url, '--compact', '--public-key', 'key.pub', '--name'] as const
	origin.publish('/rates.json', read('rates.json'))
	const unsigned = await run(...read1, 'rates')
	t.is(unsigned.code, 3)
	t.is(unsigned.err, 'remote-term: Expected rates to be signed, found no signature (SIGNATURE_MISSING)\n')

	await run('sign', 'rates.json', '--key', 'key', '--name', 'rates')
	publish()
	t.is((await run(...read1, 'rates')).out, '{"EUR":1}\n')
	t.regex((await run(...read1, 'limits')).err, /\(SIGNATURE_INVALID\)/)

	const watched = await run(
		...['watch', url, '--json', '--count', '1', '--public-key', read('key.pub').trim(), '--name', 'rates'],
	)
	t.is(watched.code, 0, watched.err)
	t.regex(watched.out, /"event":"updated".*"term":"rates"/)

	await run('keygen', '--out', join(folder, 'other'))
	t.is((await run('get', url, '--public-key', 'other.pub', '--name', 'rates')).code, 3)
	const either = ['--public-key', 'other.pub', '--public-key', 'key.pub', '--name', 'rates']
	t.is((await run('get', url, ...either)).code, 0)
})

test('--checksum holds the content against the file beside it', async t => {
	const origin = await serveFiles(t)
	const url = new URL('/rates.json', origin.url).href
	origin.publish('/rates.json', '{"EUR":1}')
	const missing = await runInside(['get', url, '--checksum'])
	t.is(missing.code, 3)
	t.regex(missing.err, /found no such file \(DIGEST_MISMATCH\)/)
	origin.publish('/rates.json.sha256', `${sha256('{"EUR":2}')}  rates.json\n`)
	t.is((await runInside(['get', url, '--checksum'])).code, 3)
	origin.publish('/rates.json.sha256', `${sha256('{"EUR":1}')}  rates.json\n`)
	t.is((await runInside(['get', url, '--checksum', '--compact'])).out, '{"EUR":1}\n')
})
