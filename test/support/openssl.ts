import { spawnSync } from 'node:child_process'
import anyTest, { type TestFn } from 'ava'

export * from './certificates.ts'

const isThere = spawnSync('openssl', ['version']).status === 0

/** `test` of ava for what needs certificates: skipped where there is no openssl, save in CI, where that is a failure. */
export const opensslTest = (): TestFn | TestFn['skip'] => {
	const test = anyTest
	return isThere || Boolean(process.env['CI']) ? test : test.skip
}
