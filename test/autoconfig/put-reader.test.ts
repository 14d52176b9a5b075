import test from 'ava'
import fc from 'fast-check'
import { parsePut, type PutMessage } from '../../lib/autoconfig/messages.ts'
import { readPut } from '../../lib/autoconfig/put-reader.ts'

const NAMES = ['environments', 'filters']
const noPause = (): Promise<void> => Promise.resolve()

/** As the maps of `readPut`, but by `JSON.parse`. */
const expectedOf = (text: string): unknown => {
	const message: unknown = JSON.parse(text)
	if (!isObject(message)) throw new SyntaxError('no object')
	return mapOf(message, (name, value) =>
		name === 'data' && isObject(value)
			? mapOf(value, (key, items) =>
					NAMES.includes(key) && isObject(items) ? mapOf(items, (_id, item) => clean(item)) : clean(items),
				)
			: clean(value),
	)
}

const isObject = (value: unknown): value is object =>
	typeof value === 'object' && value !== null && !Array.isArray(value)
const mapOf = (object: object, each: (key: string, value: unknown) => unknown): Map<string, unknown> =>
	new Map(Object.entries(object).map(([key, value]) => [key, each(key, value)]))
const clean = (value: unknown): unknown =>
	Array.isArray(value)
		? value.map(clean)
		: isObject(value)
			? Object.fromEntries(
					Object.entries(value)
						.filter(([key]) => key !== '__proto__')
						.map(([key, one]) => [key, clean(one)]),
				)
			: value

/** Maps with integer-like keys first, as an object has them. */
const sorted = (value: unknown): unknown =>
	value instanceof Map
		? [...(value as Map<string, unknown>)]
				.map(([key, one]) => [key, sorted(one)] as const)
				.sort(([a], [b]) => (a < b ? -1 : 1))
		: value

const outcome = async (read: () => unknown): Promise<unknown> => {
	try {
		return sorted(await read())
	} catch {
		return 'malformed'
	}
}

const json = fc.jsonValue({ maxDepth: 3 })
const key = fc.constantFrom('a', 'b', '__proto__', 'constructor', '', 'é"\\\n', '1', 'path', 'data')
const put = fc.record(
	{
		path: fc.oneof(fc.constant('/'), json),
		data: fc.oneof(
			{
				weight: 4,
				arbitrary: fc.record(
					{ environments: fc.dictionary(key, json), filters: json, other: json },
					{ requiredKeys: [] },
				),
			},
			json,
		),
		extra: json,
	},
	{ requiredKeys: [] },
)

test('a put is what JSON.parse says it is, with spaces or without', async t => {
	await fc.assert(
		fc.asyncProperty(put, fc.constantFrom(undefined, 1, '\t'), async (value, space) => {
			const text = ` ${JSON.stringify(value, null, space)}\r\n`
			t.deepEqual(await outcome(() => readPut(text, NAMES, noPause)), sorted(expectedOf(text)))
		}),
	)
})

test('a damaged put is malformed exactly where JSON.parse says so', async t => {
	const damage = fc.record({
		at: fc.nat(),
		remove: fc.integer({ min: 0, max: 3 }),
		insert: fc.constantFrom('', '"', '\\', '{', '}', '[', ']', ',', ':', ' ', 'x', '0', '\u0000', 'null'),
	})
	await fc.assert(
		fc.asyncProperty(put, damage, async (value, { at, remove, insert }) => {
			const whole = JSON.stringify(value)
			const from = at % (whole.length + 1)
			const text = whole.slice(0, from) + insert + whole.slice(from + remove)
			t.deepEqual(
				await outcome(() => readPut(text, NAMES, noPause)),
				await outcome(() => expectedOf(text)),
				text,
			)
		}),
		{ numRuns: 1_000 },
	)
})

test('the last of two members of a name counts', async t => {
	const text =
		'{"path":3,"data":1,"data":{"environments":{"a":1},"environments":{"a":1,"b":2,"a":3}},"path":"/"}'
	const message = (await parsePut(text, NAMES, 'environments', noPause)) as PutMessage
	t.deepEqual([...(message.collections.get('environments') ?? [])].sort(), [
		['a', 3],
		['b', 2],
	])
})

test('no member called __proto__ gets into an item', async t => {
	const text = '{"path":"/","data":{"environments":{"a":{"x":1,"__proto__":{"y":2},"\\u005f_proto__":3}}}}'
	const message = (await parsePut(text, NAMES, 'environments', noPause)) as PutMessage
	t.deepEqual(Object.getOwnPropertyNames(message.collections.get('environments')?.get('a')), ['x'])
})

test('others have their turn while a large put is read', async t => {
	const environments = Object.fromEntries(
		Array.from({ length: 10_000 }, (_, i) => [`e${i}`, { envID: `e${i}`, pad: 'x'.repeat(100) }]),
	)
	const text = JSON.stringify({ path: '/', data: { environments } })
	let pauses = 0
	await readPut(text, NAMES, () => {
		pauses++
		return Promise.resolve()
	})
	t.true(pauses >= Math.floor(text.length / (300 * 1024)), `${pauses} pauses in ${text.length} characters`)
	t.true(pauses > 3)
})

test('strings of backslashes and quotes end where they end', async t => {
	const id = '\\'.repeat(1001) + '"'.repeat(1001) + '\\'
	const text = JSON.stringify({ path: '/', data: { environments: { [id]: { [id]: id } } } })
	const message = (await parsePut(text, NAMES, 'environments', noPause)) as PutMessage
	t.deepEqual([...(message.collections.get('environments') ?? [])], [[id, { [id]: id }]])
})
