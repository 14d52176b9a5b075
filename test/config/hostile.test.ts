import test from 'ava'
import fc from 'fast-check'
import { ConfigReceiver } from '../../lib/config/index.ts'
import { RemoteTermError } from '../../lib/core/errors.ts'
import { silentLogger } from '../../lib/core/logger.ts'
import { fun, openMemory, push } from '../support/configs.ts'

const nested = (depth: number): unknown => {
	let value: unknown = 1
	for (let level = 0; level < depth; level++) value = level % 2 === 0 ? [value] : { a: value }
	return value
}

const itemWith = (defaultValue: unknown): object => ({
	...fun('create'),
	argTypes: { a: { type: 'any', defaultValue } },
	argOrders: [],
})

const cyclic: unknown[] = []
cyclic.push(cyclic)

const hostile: ReadonlyArray<readonly [string, unknown]> = [
	[
		'an item nested a hundred thousand levels deep',
		{ ...push('orders', '1'), items: [itemWith(nested(100_000))] },
	],
	['an envelope nested as deep', { ...push('orders', '1'), args: nested(100_000) }],
	['an item that contains itself', { ...push('orders', '1'), items: [itemWith(cyclic)] }],
	[
		'__proto__ in an item',
		JSON.parse(
			JSON.stringify({ ...push('orders', '1'), items: [{}] }).replace('{}', '{"__proto__":{"polluted":1}}'),
		),
	],
	['__proto__ in the envelope', JSON.parse('{"service":"orders","__proto__":{"polluted":1}}')],
	['__proto__ as the service', push('__proto__', '1')],
	['__proto__ as a request type', push('orders', '1', [fun('__proto__')])],
	[
		'__proto__ as an argument',
		{ ...push('orders', '1'), items: [itemWith(JSON.parse('{"__proto__":{"polluted":1}}'))] },
	],
	['infinite numbers', { ...push('orders', '1'), items: [itemWith(Infinity)] }],
	['a bigint', { ...push('orders', '1'), items: [itemWith(2n ** 200n)] }],
	['a huge item', { ...push('orders', '1'), items: [itemWith('x'.repeat(300_000))] }],
	[
		'a huge item that looks smaller than it is',
		{ ...push('orders', '1'), items: [itemWith('\u0000'.repeat(60_000))] },
	],
	['a sparse array of four billion', { ...push('orders', '1'), items: [itemWith(new Array(2 ** 32 - 1))] }],
	['a million items', { ...push('orders', '1'), items: new Array(1_000_000).fill(fun('a')) }],
	['a version of a million characters', push('orders', 'v'.repeat(1_000_000))],
	['a service of a million characters', push('s'.repeat(1_000_000), '1')],
	['a service that is a path', push('../admin', '1')],
	['a service with line ends', push('a\r\nb', '1')],
	['an object of a class', { ...push('orders', '1'), items: [new Map([['requestType', 'a']])] }],
	[
		'a getter that throws',
		{
			...push('orders', '1'),
			items: [
				Object.defineProperty({}, 'requestType', {
					enumerable: true,
					get: () => {
						throw new Error('no')
					},
				}),
			],
		},
	],
]

for (const [title, config] of hostile) {
	test(`${title}: refused with VALIDATION_FAILED, cheaply, and nothing has changed`, async t => {
		const db = await openMemory()
		const receiver = new ConfigReceiver({ db, logger: silentLogger })
		await receiver.push(push('orders', '0.1.0', [fun('kept')]))
		const error = await t.throwsAsync(receiver.push(config), { instanceOf: RemoteTermError })
		t.is(error.code, 'VALIDATION_FAILED')
		t.true(error.message.length < 5_000)
		t.deepEqual([...receiver.getAllPushedServices()], [['orders', '0.1.0']])
		t.is(({} as { polluted?: unknown }).polluted, undefined)
		t.true(JSON.stringify(receiver.failures.list()).length < 20_000)
	})
}

test('whatever is pushed, the answer is an outcome or one of the errors, and never anything else', async t => {
	const db = await openMemory()
	const receiver = new ConfigReceiver({ db, logger: silentLogger, pullPolicy: () => {} })
	const anything = fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true })
	const mutated = fc
		.tuple(fc.constantFrom('service', 'nodes', 'configVersion', 'items', 'target', 'args'), anything)
		.map(([key, value]) => ({ ...push('orders', '1'), [key]: value }))
	const mutatedItem = fc
		.tuple(fc.constantFrom(...Object.keys(fun('a')), 'argTypes', 'retry', 'version'), anything)
		.map(([key, value]) => push('orders', '1', [{ ...fun('a'), [key]: value }]))
	await fc.assert(
		fc.asyncProperty(fc.oneof(anything, mutated, mutatedItem), async config => {
			const before = JSON.stringify([db.services(), db.items('orders')])
			try {
				await receiver.push(config, { force: true })
			} catch (error) {
				t.is((error as RemoteTermError).code, 'VALIDATION_FAILED')
				t.is(JSON.stringify([db.services(), db.items('orders')]), before)
			}
		}),
		{ numRuns: 500 },
	)
})

test('ten thousand faults are reported in an answer of bounded size', async t => {
	const db = await openMemory()
	const receiver = new ConfigReceiver({ db, logger: silentLogger })
	const items = Array.from({ length: 10_000 }, () => ({ ...fun(''), timeout: 1 }))
	const error = await t.throwsAsync(receiver.push(push('orders', '1', items)), {
		instanceOf: RemoteTermError,
	})
	t.is(error.issues?.length, 1_000)
	t.true(receiver.failures.count() <= 1_000)
})

test('a push of ten thousand items lets the event loop have its turns', async t => {
	const db = await openMemory()
	const receiver = new ConfigReceiver({ db, logger: silentLogger })
	const items = Array.from({ length: 10_000 }, (_, index) => fun(`r${index}`))
	let turns = 0
	let over = false
	const count = (): void => {
		turns++
		if (!over) setImmediate(count)
	}
	setImmediate(count)
	await receiver.push(push('orders', '1', items))
	over = true
	t.true(turns >= 40)
	t.is(db.size, 10_000)
})
