import { readFileSync } from 'node:fs'
import test from 'ava'
import { EXIT_CODES } from '../../lib/cli/exit-codes.ts'
import { JSON_FIELDS } from '../../lib/cli/watch-json.ts'
import { runInside } from '../support/command.ts'

const docs = readFileSync(new URL('../../../docs/cli.md', import.meta.url), 'utf8')

test('docs/cli.md has the table of exit codes as it is', t => {
	for (const { code, meaning, errors } of EXIT_CODES) {
		const row = `| ${code} | ${meaning} | ${errors.map(error => `\`${error}\``).join(', ')} |\n`
		t.true(docs.includes(row), `Missing: ${row}`)
	}
	t.is(docs.match(/^\| \d+ \|/gm)?.length, EXIT_CODES.length)
})

test('docs/cli.md has the fields of the JSON lines as they are', t => {
	const rows = Object.entries(JSON_FIELDS).flatMap(([lines, fields]) =>
		Object.entries(fields).map(([field, meaning]) => {
			const of = lines === 'refresh' ? '`updated`, `unchanged`, `failed`' : `\`${lines}\``
			return `| ${lines === 'every' ? 'every' : of} | \`${field}\` | ${meaning} |\n`
		}),
	)
	for (const row of rows) t.true(docs.includes(row), `Missing: ${row}`)
	t.is(docs.match(/^\| (?:every|`[a-z`, ]+`) \| `[A-Za-z]+` \|/gm)?.length, rows.length)
})

test('docs/cli.md names every option of the help, and no other', async t => {
	const helps = await Promise.all(
		[
			['get', '--help'],
			['watch', '--help'],
			['keygen', '--help'],
			['sign', '--help'],
			['check', '--help'],
			['serve', '--help'],
			['push', '--help'],
			['verify', '--help'],
			['status', '--help'],
			['fleet', '--help'],
			...['refresh', 'pin', 'unpin', 'rollback'].map(name => ['fleet', name, '--help']),
		].map(args => runInside(args)),
	)
	const flags = (text: string): string[] => [...new Set(text.match(/(?<![\w-])--[a-z][a-z-]+/g))].sort()
	const offered = flags(helps.map(({ out }) => out).join('\n'))
	const told = flags(docs.slice(docs.indexOf('## Options'), docs.indexOf('## Exit codes')))
	t.deepEqual(told, offered)
})
