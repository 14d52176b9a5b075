import test from 'ava'
import fc from 'fast-check'
import { parseHttpDate } from '../../fetchers/http-date.ts'
import { appliesTo, preconditionOf, versionOf } from '../../fetchers/http-validators.ts'

const NOW = Date.UTC(2026, 0, 1)
const date = (ms: number): string => new Date(NOW + ms).toUTCString()

test('the three forms of an HTTP date mean the same moment', t => {
	const moment = Date.UTC(1994, 10, 6, 8, 49, 37)
	for (const text of [
		'Sun, 06 Nov 1994 08:49:37 GMT',
		'Sunday, 06-Nov-94 08:49:37 GMT',
		'Sun Nov  6 08:49:37 1994',
	])
		t.is(parseHttpDate(text, NOW), moment, text)
	t.is(parseHttpDate('Thursday, 01-Jan-76 00:00:00 GMT', NOW), Date.UTC(2076, 0, 1), '50 years ahead')
	t.is(parseHttpDate('Friday, 01-Jan-77 00:00:00 GMT', NOW), Date.UTC(1977, 0, 1), 'more than 50')
})

for (const junk of [
	...['', '0', '-1', '3000', 'now', '2026-01-01T00:00:00Z', 'Thu, 01 Jan 2026 00:00:00 +0000'],
	...['Thu, 31 Feb 2026 00:00:00 GMT', 'Thu, 01 Jan 2026 24:00:00 GMT', 'Thu, 01 Jan 2026 00:60:00 GMT'],
	...['thu, 01 jan 2026 00:00:00 gmt', ' Thu, 01 Jan 2026 00:00:00 GMT', 'Thu, 1 Jan 2026 00:00:00 GMT'],
	'Thu, 01 Jan 2026 00:00:00 GMT\r\n',
])
	test(`${JSON.stringify(junk)} is no HTTP date`, t => {
		t.is(parseHttpDate(junk, NOW), undefined)
		t.is(preconditionOf(junk, NOW), undefined)
	})

test('every moment can be written and read again', t => {
	const seconds = fc.integer({ min: -62_135_596_800, max: 253_402_300_799 })
	fc.assert(
		fc.property(
			seconds,
			second => parseHttpDate(new Date(second * 1000).toUTCString(), NOW) === second * 1000,
		),
	)
	t.pass()
})

test('Last-Modified is a version only if a full second older than Date', t => {
	const version = (lastModified: number, at?: number): string | undefined =>
		versionOf({ 'last-modified': date(lastModified), ...(at !== undefined && { date: date(at) }) }, NOW)
	t.is(version(-5000, 0), date(-5000))
	t.is(version(-1000, 0), date(-1000))
	t.is(version(0, 0), undefined)
	t.is(version(1000, 0), undefined)
	t.is(version(-1000), date(-1000), 'an answer without Date was made now')
	t.is(version(0), undefined)
	t.is(versionOf({ 'last-modified': 'yesterday' }, NOW), undefined)
})

test('an ETag goes before Last-Modified, unless it is none', t => {
	const dated = { 'last-modified': date(-5000) }
	t.is(versionOf({ etag: 'W/"x"', ...dated }, NOW), 'W/"x"')
	for (const etag of ['x', '"x', 'w/"x"', '"a b"', '"a"b"', ['"a"', '"b"']])
		t.is(versionOf({ etag, ...dated }, NOW), date(-5000), String(etag))
	t.is(versionOf({ etag: 'x' }, NOW), undefined)
})

test('nothing that could end a header line is ever sent', t => {
	fc.assert(
		fc.property(fc.string({ unit: 'binary' }), fc.boolean(), (text, quoted) => {
			const precondition = preconditionOf(quoted ? `"${text}"` : text, NOW)
			return precondition === undefined || /^[\x20-\x7e\x80-\xff]+$/.test(precondition.value)
		}),
	)
	t.is(preconditionOf('"a\r\nb"', NOW), undefined)
	t.is(preconditionOf('"a"\n', NOW), undefined)
	t.deepEqual(preconditionOf('"a"', NOW), { name: 'if-none-match', value: '"a"' })
	t.deepEqual(preconditionOf(date(0), NOW), { name: 'if-modified-since', value: date(0) })
})

test('a validator applies to its own resource', t => {
	const tag = preconditionOf('"a"', NOW)!
	const day = preconditionOf(date(0), NOW)!
	const from = new URL('https://host/file?signature=1')
	for (const [to, tagged, dated] of [
		['https://host/file?signature=1', true, true],
		['https://host/file?signature=2', true, false],
		['https://host/other?signature=1', false, false],
		['http://host/file?signature=1', false, false],
		['https://elsewhere/file?signature=1', false, false],
	] as const) {
		t.is(appliesTo(tag, from, new URL(to)), tagged, to)
		t.is(appliesTo(day, from, new URL(to)), dated, to)
	}
})
