import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import test from 'ava'

const run = (example: string): string => {
	const path = fileURLToPath(new URL(`../../examples/${example}/main.js`, import.meta.url))
	const { status, stdout, stderr } = spawnSync(process.execPath, [path], {
		encoding: 'utf8',
		timeout: 60_000,
	})
	return status === 0 ? stdout : `${stdout}\n${stderr}\nexit ${status}`
}

test('three shops are upgraded one by one while prices change, and understand each other all the time', t => {
	const said = run('rolling-upgrade')
	t.regex(
		said,
		/berlin is upgraded\n {2}amsterdam \(version 2\)[^\n]*\n {2}berlin \(version 2\)[^\n]*\n {2}cairo \(version 1\)/,
	)
	t.regex(said, /\n\d+ changes of the price of milk were understood by everybody\n$/)
})

test('threads share work, also when one of them is gone', t => {
	const said = run('threads')
	t.regex(said, /leave: two\n(?:.*\n)+$/)
	for (const sum of [3, 7, 11, 15, 19]) t.regex(said, new RegExp(` says ${sum}\n`))
	t.notRegex(said, /exit/)
})
