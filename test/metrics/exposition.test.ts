import test from 'ava'
import fc from 'fast-check'
import { renderFamily, type Family } from '../../lib/metrics/exposition.ts'
import { FAMILIES } from '../../lib/metrics/families.ts'
import { bounded, Histogram, Numbers } from '../../lib/metrics/instruments.ts'
import { parseExposition, sampleOf } from '../support/exposition.ts'

const family: Family = { name: 'things_total', type: 'counter', labels: ['term'], help: 'Things.' }

test('a family is its help, its type and its samples', t => {
	const samples = [
		{ labels: [['term', 'a']], value: 1 },
		{
			labels: [
				['term', 'b'],
				['code', 'X'],
			],
			value: 0.5,
		},
	] as const
	t.is(
		renderFamily('p', family, samples),
		'# HELP p_things_total Things.\n# TYPE p_things_total counter\np_things_total{term="a"} 1\np_things_total{term="b",code="X"} 0.5\n',
	)
	t.is(renderFamily('p', family, []), '')
})

test('any text comes out of a label, and any number out of a value, as it went in', t => {
	const property = fc.property(fc.string({ unit: 'binary' }), fc.double(), (text, value) => {
		const gauge: Family = { ...family, name: 'thing', type: 'gauge' }
		const rendered = renderFamily('p', gauge, [{ labels: [['term', text]], value }])
		const found = sampleOf(parseExposition(rendered), 'p_thing', { term: text })
		return Object.is(found, value) || found === value
	})
	t.notThrows(() => fc.assert(property))
})

test('any help comes out as one line', t => {
	const help = 'one\\two\nthree "four"'
	const rendered = renderFamily('p', { ...family, help }, [{ labels: [], value: 1 }])
	t.is(parseExposition(rendered).get('p_things_total')?.help, 'one\\\\two\\nthree "four"')
})

test('a histogram counts each value into its bucket and all above, and a bound is part of its bucket', t => {
	const buckets = [1, 2, 4]
	const histogram = new Histogram({ name: 'h', type: 'histogram', labels: ['term'], help: 'H.', buckets })
	for (const value of [0, 1, 1.5, 2, 4, 4.1, 100]) histogram.observe(['a'], value)
	const families = parseExposition(renderFamily('p', histogram.family, histogram.samples()))
	const counts = ['1', '2', '4', '+Inf'].map(le => sampleOf(families, 'p_h_bucket', { term: 'a', le }))
	t.deepEqual(counts, [2, 4, 5, 7])
	t.is(sampleOf(families, 'p_h_sum', { term: 'a' }), 112.6)
	t.is(sampleOf(families, 'p_h_count', { term: 'a' }), 7)
})

test('labels that differ only in where one value ends are different series', t => {
	const numbers = new Numbers({ ...family, labels: ['term', 'code'] })
	numbers.add(['a', 'b,c'])
	numbers.add(['a,b', 'c'])
	t.is(numbers.samples().length, 2)
})

test('so many values are kept apart, and the rest is (other)', t => {
	const termOf = bounded(2)
	t.deepEqual(['a', 'b', 'c', 'a', 'd'].map(termOf), ['a', 'b', '(other)', 'a', '(other)'])
})

test('the families have distinct names, units at their ends, and ascending buckets', t => {
	const all: Family[] = Object.values(FAMILIES)
	t.is(new Set(all.map(({ name }) => name)).size, all.length)
	for (const { name, type, buckets, help } of all) {
		t.regex(name, type === 'counter' ? /^[a-z_]+_total$/ : /^[a-z_]+$/)
		t.is(type === 'histogram', buckets !== undefined, name)
		t.deepEqual(buckets, buckets && [...buckets].sort((a, b) => a - b))
		t.regex(help, /\.$/)
	}
})

const wrongs: ReadonlyArray<readonly [string, string, RegExp]> = [
	['no end of line', '# HELP a A.', /no end/],
	['a sample without its family', 'a 1\n', /outside/],
	['a TYPE alone', '# TYPE a gauge\na 1\n', /without its HELP/],
	['a series twice', '# HELP a A.\n# TYPE a gauge\na{b="1"} 1\na{b="1"} 2\n', /twice/],
	['a label that is not escaped', '# HELP a A.\n# TYPE a gauge\na{b="""} 1\n', /no label/],
	['an unknown escape', '# HELP a A.\n# TYPE a gauge\na{b="\\t"} 1\n', /no label/],
	['no number', '# HELP a A.\n# TYPE a gauge\na Infinity\n', /no number/],
	['a counter without _total', '# HELP a A.\n# TYPE a counter\na 1\n', /_total/],
	[
		'a family in two pieces',
		'# HELP a A.\n# TYPE a gauge\na 1\n# HELP a A.\n# TYPE a gauge\na{b=""} 1\n',
		/second/,
	],
	[
		'counts that go down',
		'# HELP a A.\n# TYPE a histogram\na_bucket{le="1"} 2\na_bucket{le="+Inf"} 1\na_sum 1\na_count 1\n',
		/go down/,
	],
	[
		'a histogram without +Inf',
		'# HELP a A.\n# TYPE a histogram\na_bucket{le="1"} 2\na_sum 1\na_count 2\n',
		/\+Inf/,
	],
]

for (const [title, text, message] of wrongs) {
	test(`the parser of the tests finds ${title}`, t => {
		t.throws(() => parseExposition(text), { message })
	})
}
