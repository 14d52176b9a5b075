import test from 'ava'
import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import {
	compareItemVersions,
	funConfig,
	isDowngrade,
	isItemVersion,
	jsonSchemas,
} from '../../lib/config/index.ts'
import { fun, push } from '../support/configs.ts'

const valid = { ...fun('create'), service: 'orders' }

const faults = (value: unknown): string[] => {
	const result = funConfig.safeParse(value)
	return result.success ? [] : result.error.issues.map(({ path, message }) => `${path.join('/')}: ${message}`)
}
const places = (value: unknown): string[] => faults(value).map(fault => fault.slice(0, fault.indexOf(':')))

test('what is left out has its default', t => {
	t.deepEqual(funConfig.parse(valid), {
		...{ requestType: 'create', service: 'orders', nodes: ['https://orders.example.com'], target: '/create' },
		...{ chooseNodeMode: 'random', timeout: 5_000, args: {}, argTypes: null, argOrders: null },
		...{ responseType: 'sync', checkPermission: false, permissionCallback: null, requestInfo: false },
		...{ version: '0.0.0', disabled: false, retry: null, beforeExecute: null, afterExecute: null },
		hookTimeout: 5_000,
	})
})

test('a function wrong in every field has every fault reported, in the order of declaration', t => {
	const wrong = {
		...{ afterExecute: 1, beforeExecute: {}, hookTimeout: 1.5, retry: 'x', disabled: 'no', version: '1.0' },
		...{ requestInfo: 0, permissionCallback: '', checkPermission: true, responseType: 'later' },
		...{ argOrders: 'list', argTypes: { a: 'text' }, target: 'a b', timeout: 99, chooseNodeMode: 'best' },
		...{ nodes: 'remote', service: '', requestType: 7, args: [], spare: 1 },
	}
	t.deepEqual(places(wrong), [
		...['requestType', 'service', 'nodes', 'chooseNodeMode', 'timeout', 'target', 'args', 'argTypes/a'],
		...['argOrders', 'responseType', 'checkPermission', 'permissionCallback', 'requestInfo', 'version'],
		...['disabled', 'retry', 'beforeExecute', 'afterExecute', 'hookTimeout', ''],
	])
})

const accepted: ReadonlyArray<readonly [string, object]> = [
	['a name, an Erlang node and a URL as nodes', { nodes: ['n1', 'app@host', 'http://10.0.0.1:4000/base'] }],
	['local nodes', { nodes: 'local' }],
	['a hash by key', { chooseNodeMode: { hash: 'userId' } }],
	['a sticky node', { chooseNodeMode: { sticky: 'session' } }],
	['round robin', { chooseNodeMode: 'roundRobin' }],
	['no timeout', { timeout: 'infinity' }],
	['the longest timeout', { timeout: 300_000 }],
	['any authenticated user', { checkPermission: 'anyAuthenticated' }],
	['the owner of an argument', { checkPermission: { arg: 'userId' } }],
	['roles', { checkPermission: { role: ['admin', 'editor'] } }],
	['a callback', { permissionCallback: { target: '/allowed', args: { a: 'b' } } }],
	['hooks', { beforeExecute: '/before', afterExecute: { target: '/after' } }],
	['retries on one node', { retry: { sameNode: 3 } }],
	['no types and no orders', { argTypes: {}, argOrders: [] }],
	['types in an order', { argTypes: { a: 'string', b: 'num' }, argOrders: ['b', 'a'] }],
	['types without an order', { argTypes: { a: 'any' }, argOrders: [] }],
	['types of a map', { argTypes: { a: 'uuid' }, argOrders: 'map' }],
	[
		'types with limits',
		{
			argTypes: {
				a: ['string', 255],
				b: { type: 'listString', maxItems: 10, maxItemBytes: 100, allowNil: true },
				c: { type: 'string', maxBytes: 5, accept: ['x', null], defaultValue: 'x', required: false },
			},
			argOrders: 'map',
		},
	],
	['an empty version', { version: '' }],
	['no version', { version: null }],
	['a pre-release', { version: '1.0.0-rc.1+build.5' }],
]

const refused: ReadonlyArray<readonly [string, object, string]> = [
	['no nodes', { nodes: [] }, 'nodes'],
	['a node with a password', { nodes: ['https://user:secret@example.com'] }, 'nodes/0'],
	['a node of another scheme', { nodes: ['file:///etc/passwd'] }, 'nodes/0'],
	['a node that is no URL', { nodes: ['http://[::1'] }, 'nodes/0'],
	['too short a timeout', { timeout: 99 }, 'timeout'],
	['too long a timeout', { timeout: 300_001 }, 'timeout'],
	['a fraction as timeout', { timeout: 100.5 }, 'timeout'],
	['permission for everybody', { checkPermission: true }, 'checkPermission'],
	['permission for no role', { checkPermission: { role: [] } }, 'checkPermission/role'],
	['no retries at all', { retry: 0 }, 'retry'],
	['less than one retry', { retry: 0.5 }, 'retry'],
	['retries without end', { retry: 1e308 }, 'retry'],
	['types without orders', { argTypes: { a: 'string' } }, 'argOrders'],
	['orders without types', { argOrders: ['a'] }, 'argOrders'],
	['a map without types', { argOrders: 'map' }, 'argOrders'],
	['orders that name fewer', { argTypes: { a: 'num', b: 'num' }, argOrders: ['a'] }, 'argOrders'],
	['orders that name others', { argTypes: { a: 'num', b: 'num' }, argOrders: ['a', 'c'] }, 'argOrders'],
	['orders that name one twice', { argTypes: { a: 'num', b: 'num' }, argOrders: ['a', 'a'] }, 'argOrders'],
	['a limit of what has no size', { argTypes: { a: ['boolean', 1] }, argOrders: [] }, 'argTypes/a'],
	['a limit of none', { argTypes: { a: ['string', 0] }, argOrders: [] }, 'argTypes/a/1'],
	[
		'bytes of a number',
		{ argTypes: { a: { type: 'num', maxBytes: 3 } }, argOrders: [] },
		'argTypes/a/maxBytes',
	],
	['a hook that never ends', { hookTimeout: 0 }, 'hookTimeout'],
	['a misspelt field', { timeuot: 100 }, ''],
]

const explained: ReadonlyArray<readonly [object, string]> = [
	[{ target: undefined }, 'target: is missing'],
	[{ requestType: undefined }, 'requestType: is missing: expected 1 to 128 letters'],
	[{ nodes: ['n1', 7] }, 'nodes/1: Invalid input: expected string, received number'],
	[{ nodes: ['n1', 'a b'] }, 'nodes/1: expected an http(s) URL'],
	[{ nodes: 'n1' }, "nodes: expected a list of nodes, or 'local'"],
	[
		{ argTypes: { a: 'any' }, argOrders: [1] },
		'argOrders/0: Invalid input: expected string, received number',
	],
	[{ checkPermission: { role: 'admin' } }, 'checkPermission/role: Invalid input: expected array'],
	[{ beforeExecute: { args: {} } }, 'beforeExecute/target: Invalid input: expected string'],
	[{ retry: { sameNode: 0 } }, 'retry/sameNode: Too small'],
	[{ retry: { both: 2 } }, 'retry: expected a number from 1 to 1000'],
	[{ chooseNodeMode: { hash: 'a', sticky: 'b' } }, "chooseNodeMode: expected 'random'"],
	[{ argTypes: { a: { type: 'text' } }, argOrders: [] }, 'argTypes/a/type: Invalid option'],
	[
		{ args: Object.fromEntries(Array.from({ length: 257 }, (_, index) => [`a${index}`, 'x'])) },
		'args: expected at most 256 arguments',
	],
]

for (const [change, fault] of explained) {
	test(`what is wrong is named where it is: ${fault}`, t => {
		const [first] = faults({ ...valid, ...change })
		t.is(first?.slice(0, fault.length), fault)
	})
}

test('a number of retries means all nodes, and loses its fraction', t => {
	t.deepEqual(funConfig.parse({ ...valid, retry: 2.9 }).retry, { allNodes: 2 })
	t.deepEqual(funConfig.parse({ ...valid, retry: { sameNode: 3.2 } }).retry, { sameNode: 3 })
})

for (const [title, change] of accepted) {
	test(`accepted: ${title}`, t => {
		t.deepEqual(faults({ ...valid, ...change }), [])
	})
}

for (const [title, change, place] of refused) {
	test(`refused: ${title}`, t => {
		t.deepEqual(places({ ...valid, ...change }), [place])
	})
}

test('the JSON Schema accepts what the schema accepts, and refuses what JSON Schema can refuse', t => {
	const ajv = new Ajv2020({ strict: true, allErrors: true, allowUnionTypes: true })
	const check = ajv.compile(jsonSchemas.funConfig)
	for (const [title, change] of accepted) t.true(check({ ...valid, ...change }), title)
	// What is said about two fields together, or needs more than a pattern, is the receiver's to say.
	const beyond = /orders|map without types|size|no URL|bytes of/
	for (const [title, change] of refused) {
		if (!beyond.test(title)) t.false(check({ ...valid, ...change }), title)
	}
	const pushes = ajv.compile(jsonSchemas.pushConfig)
	t.true(pushes(push('orders', '1.0.0', [fun('a'), fun('b', { version: '2.0.0' })], { target: '/config' })))
	t.false(pushes(push('orders', '')))
	t.false(pushes({ ...push('orders', '1'), items: [] }))
	t.false(pushes(push('orders', '1', undefined, { target: 'https://elsewhere.example.com/config' })))
	const services = ajv.compile(jsonSchemas.serviceConfig)
	t.true(services({ service: 'orders', nodes: ['n1'], target: '/config', refreshInterval: 60_000 }))
	t.false(services({ service: 'orders', nodes: ['n1'] }))
})

/** Right and wrong values of each field, and of none. Not `__proto__`, which zod drops from a record; the receiver refuses it. */
const text = fc.constantFrom('', 'a', 'a b', 'create', 'x'.repeat(129), 'n1', '1.0.0', '1.0', 'v1.0.0')
const number = fc.oneof(
	fc.integer({ min: -2, max: 300_001 }),
	fc.constantFrom(0.5, 1.5, 99, 100, 1_000, 1e308),
)
const anything = fc.oneof(text, number, fc.boolean(), fc.constant(null), fc.constant([]), fc.constant({}))
const argTypeNames = fc.constantFrom('string', 'num', 'listString', 'map', 'any', 'uuid', 'text')
const argTypeOf = fc.oneof(
	argTypeNames,
	fc.tuple(argTypeNames, number),
	fc.record(
		{ type: argTypeNames, maxBytes: number, maxItems: number, allowNil: fc.boolean(), accept: anything },
		{ requiredKeys: ['type'] },
	),
)
const nodeOf = fc.oneof(
	text,
	fc.constantFrom('https://a.example.com/x', 'http://u:p@b', 'https://[::1', 'ftp://c', 'app@host', 7),
)
const hookOf = fc.oneof(anything, fc.record({ target: text, args: fc.dictionary(text, text) }))
const funLike = fc.record(
	{
		requestType: fc.oneof(fc.constant('create'), anything),
		service: fc.oneof(fc.constant('orders'), anything),
		nodes: fc.oneof(fc.constant('local'), fc.array(nodeOf, { maxLength: 3 }), anything),
		target: fc.oneof(fc.constant('/create'), anything),
		chooseNodeMode: fc.oneof(
			fc.constantFrom('random', 'hash', 'best'),
			fc.record({ hash: text }),
			fc.record({ sticky: text, hash: text }, { requiredKeys: [] }),
		),
		timeout: fc.oneof(fc.constant('infinity'), number),
		args: fc.oneof(fc.dictionary(text, fc.oneof(text, number)), anything),
		argTypes: fc.oneof(fc.dictionary(text, argTypeOf, { maxKeys: 3 }), anything),
		argOrders: fc.oneof(fc.array(text, { maxLength: 3 }), fc.constant('map'), anything),
		responseType: fc.oneof(fc.constantFrom('sync', 'async', 'stream', 'none', 'later'), anything),
		checkPermission: fc.oneof(
			anything,
			fc.record({ arg: text }),
			fc.record({ role: fc.array(text, { maxLength: 2 }) }),
		),
		permissionCallback: hookOf,
		requestInfo: anything,
		version: fc.oneof(text, fc.constant('1.0.0-rc.1+5'), anything),
		disabled: anything,
		retry: fc.oneof(number, fc.record({ sameNode: number }), fc.record({ allNodes: number, x: number })),
		beforeExecute: hookOf,
		hookTimeout: number,
		spare: fc.constant(1),
	},
	{ requiredKeys: [] },
)

/** With a few fields of such a function only: else hardly anything would be right. */
const almostValid = fc
	.tuple(funLike, fc.subarray([...Object.keys(funConfig.shape), 'spare'], { maxLength: 3 }))
	.map(([one, some]) => ({
		...valid,
		...Object.fromEntries(Object.entries(one).filter(([field]) => some.includes(field))),
	}))

test('whatever a function is like, its JSON Schema says the same, but for what only code can say', t => {
	const check = new Ajv2020({ strict: true, allErrors: true, allowUnionTypes: true }).compile(
		jsonSchemas.funConfig,
	)
	const counts = { both: 0, neither: 0, beyond: 0 }
	/** Faults of two fields together, of a URL, of a version's size, of a limit that its type does not take. */
	const beyond = /argOrders|is no valid URL|too large to be compared|takes no|has no size/
	fc.assert(
		fc.property(fc.oneof(funLike, almostValid), value => {
			const said = faults(value)
			if (check(value)) {
				counts[said.length === 0 ? 'both' : 'beyond']++
				return said.every(fault => beyond.test(fault))
			}
			counts.neither++
			return said.length > 0
		}),
		{ numRuns: 3_000 },
	)
	for (const [what, count] of Object.entries(counts)) t.true(count > 0, what)
})

test('a function that was parsed parses to itself', t => {
	for (const [title, change] of accepted) {
		const once = funConfig.parse({ ...valid, ...change })
		t.deepEqual(funConfig.parse(once), once, title)
	}
})

const version = fc
	.tuple(
		fc.tuple(fc.nat(12), fc.nat(2), fc.nat(2)),
		fc.option(fc.array(fc.constantFrom('a', 'rc', '1', '10', '2'), { minLength: 1, maxLength: 3 })),
		fc.option(fc.constantFrom('b1', 'b2')),
	)
	.map(
		([numbers, pre, build]) =>
			`${numbers.join('.')}${pre ? `-${pre.join('.')}` : ''}${build ? `+${build}` : ''}`,
	)

test('versions have one order: total, with 0.0.0 at its bottom and a release above its pre-releases', t => {
	fc.assert(
		fc.property(version, version, version, (a, b, c) => {
			t.true(isItemVersion(a))
			t.is(Math.sign(compareItemVersions(a, b)) + Math.sign(compareItemVersions(b, a)), 0)
			t.is(compareItemVersions(a, b) === 0, a === b)
			if (compareItemVersions(a, b) <= 0 && compareItemVersions(b, c) <= 0)
				t.true(compareItemVersions(a, c) <= 0)
			t.true(compareItemVersions('0.0.0', a) <= 0)
		}),
	)
	t.true(compareItemVersions('1.0.0-rc.1', '1.0.0') < 0)
	t.true(compareItemVersions('0.0.0', '0.0.0-alpha') < 0)
})

test('a downgrade is one only where both are semantic versions', t => {
	t.true(isDowngrade('2.0.0', '1.9.9'))
	t.true(isDowngrade('v2.0.0', '2.0.0-rc.1'))
	t.false(isDowngrade('2.0.0', '2.0.0+later'))
	t.false(isDowngrade('2.0.0', '10.0.0'))
	t.false(isDowngrade('2.0.0', 'build-1'))
	t.false(isDowngrade('b', 'a'))
})
