import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import test from 'ava'

test('the example of a service and its gateway does what it says, and ends', t => {
	const path = fileURLToPath(new URL('../../examples/gateway/service.js', import.meta.url))
	const { status, stdout, stderr } = spawnSync(process.execPath, [path], {
		encoding: 'utf8',
		timeout: 30_000,
	})
	t.deepEqual([status, stderr], [0, ''])
	t.regex(
		stdout,
		/^gateway: http:\/\/127\.0\.0\.1:\d+\naudit: users push users 1\.4\.0: accepted\nlatest: 2\.0\.0\n$/,
	)
})
