import test from 'ava'
import fc from 'fast-check'
import { codecOf } from '../../lib/cli/codecs.ts'
import { formatBytes, formatDuration, oneLine, parseDuration, parseSize } from '../../lib/cli/quantities.ts'

const durations: ReadonlyArray<readonly [string, number | undefined]> = [
	['10s', 10_000],
	['250', 250],
	['250ms', 250],
	['1.5m', 90_000],
	['2h', 7_200_000],
	['10 s', 10_000],
	['10S', 10_000],
	...['', '0', '0s', '-1s', '1e3', '1d', 's', '10 s 5', 'constructor', '1constructor', '٣s', 'Infinity'].map(
		text => [text, undefined] as const,
	),
]
for (const [text, ms] of durations) {
	test(`the duration '${text}' is ${ms === undefined ? 'none' : `${ms} ms`}`, t => {
		t.is(parseDuration(text), ms)
	})
}

const sizes: ReadonlyArray<readonly [string, number | undefined]> = [
	['65536', 65_536],
	['10MB', 10_000_000],
	['64MiB', 67_108_864],
	['1.5kib', 1536],
	['1 GiB', 2 ** 30],
	['0.5', undefined],
	['1TB', undefined],
	['99999999999999999', undefined],
	['-1', undefined],
]
for (const [text, bytes] of sizes) {
	test(`the size '${text}' is ${bytes === undefined ? 'none' : `${bytes} bytes`}`, t => {
		t.is(parseSize(text), bytes)
	})
}

test('bytes are shown in three digits', t => {
	const shown = [0, 1, 999, 1000, 4210, 99_940, 99_960, 999_499, 999_500, 31_400_000, 5e14].map(formatBytes)
	t.deepEqual(shown, [
		...['0 B', '1 B', '999 B', '1.00 kB', '4.21 kB', '99.9 kB', '100 kB', '999 kB', '1.00 MB', '31.4 MB'],
		'500 TB',
	])
})

test('no number of bytes is shown in more than four digits, below a thousand TB', t => {
	fc.assert(
		fc.property(fc.nat(2 ** 31 - 1), fc.nat(1000), (bytes, factor) =>
			/^(?:\d{1,3}|\d\.\d\d|\d\d\.\d) [kMGT]?B$/.test(formatBytes(bytes * factor)),
		),
	)
	t.pass()
})

test('durations are shown in the units that people use', t => {
	const shown = [0, 0.44, 12.4, 999.4, 999.6, 1250, 10_000, 59_949, 59_960, 63_000, 200_000, 7_500_000, 2e8]
	t.deepEqual(shown.map(formatDuration), [
		...['0 ms', '0.4 ms', '12 ms', '999 ms', '1 s', '1.25 s', '10 s', '59.9 s', '1 min'],
		...['1 min 3 s', '3 min 20 s', '2 h 5 min', '2 d 8 h'],
	])
})

test('foreign text stays on its line and moves no cursor', t => {
	t.is(oneLine('a\r\n  b\tc'), 'a b c')
	t.is(oneLine('\u001b[2Jx\u009b1m\u0007'), '\\u001b[2Jx\\u009b1m\\u0007')
})

test('the codec follows the name, below the extension of a compression', t => {
	for (const [name, codec] of [
		['/rates.json', 'json'],
		['/rates.json.gz', 'json'],
		['/rows.NDJSON', 'ndjson'],
		['/rows.jsonl.zst', 'ndjson'],
		['/rules.msgpack', 'msgpack'],
		['/notes.txt', 'text'],
		['/model.bin.gz', 'bytes'],
		['/rates', 'json'],
		['/', 'json'],
		['/x.constructor', 'json'],
		['/v1.2/rates', 'json'],
	] as const)
		t.is(codecOf(name), codec, name)
})
