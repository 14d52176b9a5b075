import anyTest, { type TestFn } from 'ava'
import { natsServerVersion } from './nats-process.ts'

// What is not a test, a benchmark for instance, takes it from there: ava may not be imported outside of tests.
export * from './nats-process.ts'

/**
 * `test` of ava for what needs a nats-server: skipped where none is installed, save in CI, where that is a failure.
 *
 *     const test = natsTest()
 */
export const natsTest = <Context = unknown>(): TestFn<Context> | TestFn<Context>['skip'] => {
	const test = anyTest as TestFn<Context>
	return isToRun ? test : test.skip
}

/** The same, one after the other. */
export const natsSerialTest = <Context = unknown>(): TestFn<Context>['serial'] | TestFn<Context>['skip'] => {
	const test = anyTest as TestFn<Context>
	return isToRun ? test.serial : test.skip
}

const isToRun = natsServerVersion !== undefined || Boolean(process.env['CI'])
