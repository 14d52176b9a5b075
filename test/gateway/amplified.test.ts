import { gzipSync } from 'node:zlib'
import test from 'ava'
import fc from 'fast-check'
import { msgpackUpTo } from '../../lib/codecs/msgpack.ts'
import { jsonShape } from '../../lib/gateway/json-shape.ts'
import { item, push, startGateway } from '../support/gateway.ts'

/** Elements and members, an empty array or object counting as one. */
const valuesOf = (value: unknown): number => {
	if (typeof value !== 'object' || value === null) return 0
	const parts = Object.values(value)
	return Math.max(1, parts.length) + parts.reduce<number>((sum, part) => sum + valuesOf(part), 0)
}

const depthOf = (value: unknown): number =>
	typeof value !== 'object' || value === null ? 0 : 1 + Math.max(0, ...Object.values(value).map(depthOf))

const NO_LIMIT = { maxDepth: Infinity, maxValues: Infinity }

test('the shape of a JSON text is that of its value, however it is written', t => {
	fc.assert(
		fc.property(fc.jsonValue(), fc.constantFrom(undefined, 1, '\t'), (value, space) => {
			const text = Buffer.from(JSON.stringify(value, undefined, space))
			const parsed: unknown = JSON.parse(text.toString())
			const shape = { depth: depthOf(parsed), values: valuesOf(parsed) }
			t.deepEqual(jsonShape(text, NO_LIMIT), shape)
			const { depth, values } = shape
			t.deepEqual(jsonShape(text, { maxDepth: depth, maxValues: values }), shape)
			if (values > 0) t.true(jsonShape(text, { maxDepth: depth, maxValues: values - 1 }).values >= values)
		}),
	)
	t.deepEqual(jsonShape(Buffer.from('"[{,\\"]\\\\"'), NO_LIMIT), { depth: 0, values: 0 })
})

test('what looks into a text ends, whatever the bytes are', t => {
	fc.assert(
		fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
			const { depth, values } = jsonShape(bytes, NO_LIMIT)
			t.true(depth <= values && values <= bytes.length)
		}),
	)
})

const [EMPTY_MAP, EMPTY_ARRAY, ZERO] = [0x80, 0x90, 0x00]

/** An array of so many values, each of one byte. */
const msgpackOf = (values: number, byte: number): Buffer => {
	const body = Buffer.alloc(5 + values, byte)
	body[0] = 0xdd
	body.writeUInt32BE(values, 1)
	return body
}

test('MessagePack of so many values is decoded, and of one more is not', t => {
	t.is(msgpackUpTo<unknown[]>(msgpackOf(1_000, ZERO), 1_000).length, 1_000)
	t.throws(() => msgpackUpTo<unknown>(msgpackOf(1_001, ZERO), 1_000), { code: 'TOO_LARGE' })
	t.is(msgpackUpTo<unknown[]>(msgpackOf(500, EMPTY_ARRAY), 1_000).length, 500)
	t.throws(() => msgpackUpTo<unknown>(msgpackOf(501, EMPTY_ARRAY), 1_000), { code: 'TOO_LARGE' })
	t.throws(() => msgpackUpTo<unknown>(msgpackOf(501, EMPTY_MAP), 1_000), { code: 'TOO_LARGE' })
	// { "a": { "b": 1, "c": 2 } }
	const nested = Uint8Array.of(0x81, 0xa1, 0x61, 0x82, 0xa1, 0x62, 0x01, 0xa1, 0x63, 0x02)
	t.deepEqual(msgpackUpTo<object>(nested, 3), { a: { b: 1, c: 2 } })
	t.throws(() => msgpackUpTo<unknown>(nested, 2), { code: 'TOO_LARGE' })
})

test('a body of 30 kB that would be gigabytes of objects is refused before it is one', async t => {
	const json = Buffer.from(`[${'{},'.repeat(8_000_000)}{}]`)
	const bodies: ReadonlyArray<readonly [type: string, body: Buffer]> = [
		['application/json', json],
		['application/json', Buffer.from(`{"items":${json.toString()}}`)],
		['application/msgpack', msgpackOf(30_000_000, EMPTY_MAP)],
	]
	// First, since that takes longer than a server keeps a connection for a client that does nothing else.
	const compressed = bodies.map(([type, body]) => [type, gzipSync(body)] as const)
	const { ask } = await startGateway(t)
	for (const [type, small] of compressed) {
		t.true(small.length < 50_000)
		const before = process.memoryUsage().heapUsed
		const { status, body: problem } = await ask('/v1/services/users', {
			...{ method: 'PUT', body: small },
			headers: { 'content-type': type, 'content-encoding': 'gzip' },
		})
		t.is(status, 413)
		t.like(problem, { code: 'TOO_LARGE', detail: /500000 elements and members/.exec(problem.detail)?.input })
		t.true(process.memoryUsage().heapUsed - before < 200 * 2 ** 20)
	}
})

test('how much a body may hold is an option', async t => {
	const { ask } = await startGateway(t, { limits: { maxValues: 20 } })
	const put = async (items: number): Promise<number> =>
		(
			await ask('/v1/services/users', {
				method: 'PUT',
				json: push(
					`1.0.${items}`,
					Array.from({ length: items }, (_, n) => item(`type_${n}`)),
				),
			})
		).status
	t.is(await put(3), 201)
	t.is(await put(4), 413)
})

test('a push of half a million members is refused for their number', async t => {
	const { ask } = await startGateway(t)
	const members = Array.from({ length: 400_000 }, (_, n) => `"k${n}":1`).join(',')
	const { status, body } = await ask('/v1/services/users', {
		...{ method: 'PUT', body: `{${members}}`, headers: { 'content-type': 'application/json' } },
	})
	t.is(status, 422)
	// The service, which the path has named, is one of them.
	t.deepEqual(body.issues, [{ path: [], message: 'has 400001 members, more than 100' }])
})
