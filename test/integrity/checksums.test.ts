import { crc32 } from 'node:zlib'
import test from 'ava'
import fc from 'fast-check'
import { parseChecksumFile } from '../../lib/integrity/checksum-file.ts'
import { createCrc } from '../../lib/integrity/crc.ts'
import { createDigestCheck } from '../../lib/integrity/digest-check.ts'
import { parseS3ChecksumHeaders, parseS3Checksums } from '../../lib/integrity/s3-checksums.ts'

const HELLO = '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824'
const OTHER = '0'.repeat(64)
const LONG = 'ab'.repeat(64)

const value = (text: string, name?: string): string => {
	const promise = parseChecksumFile(text, name)
	return promise.status === 'found'
		? `${promise.digests[0]!.algorithm} ${promise.digests[0]!.value}`
		: promise.status
}

test('a detached checksum is read in every form in which tools write it', t => {
	for (const text of [
		`${HELLO}  rates.json\n`,
		`${HELLO} *rates.json\r\n`,
		`\\${HELLO}  a\\\\b\\nc\n`,
		`${HELLO}  name with  spaces\n`,
		`SHA256 (rates (1).json) = ${HELLO}\n`,
		`${HELLO}`,
		`\ufeff${HELLO.toUpperCase()}\n\n`,
		`# made by hand\n\n  ${HELLO}  \n`,
	])
		t.is(value(text), `sha-256 ${HELLO}`, text)
	t.is(value(`${LONG}  rates.json`), `sha-512 ${LONG}`)
	t.is(value(`SHA512 (rates.json) = ${LONG}`), `sha-512 ${LONG}`)
})

test('the line of the file is found among several, in whatever folder it is', t => {
	const sums = `${OTHER}  a.json\n${HELLO}  ./data/rates.json\n${OTHER} *rates.json.bak\n`
	t.is(value(sums, 'rates.json'), `sha-256 ${HELLO}`)
	t.is(value(`\\${HELLO}  odd\\nname\n${OTHER}  x`, 'odd\nname'), `sha-256 ${HELLO}`)
	t.is(value(`${HELLO}  x\n${HELLO}  sub/x`, 'x'), `sha-256 ${HELLO}`)
})

test('one line is taken whatever name it has, as files are renamed when they are published', t => {
	t.is(value(`${HELLO}  build-output.json`, 'rates.json'), `sha-256 ${HELLO}`)
})

test('what does not say for certain is malformed', t => {
	for (const [text, name] of [
		[''],
		['# nothing\n'],
		['<html>not found</html>'],
		[HELLO.slice(1)],
		[`${HELLO}0`],
		[`${HELLO} `.repeat(2)],
		[`SHA256 (x) = ${LONG}`],
		[`SHA1 (x) = ${HELLO.slice(0, 40)}`],
		[`${HELLO}  a\n${OTHER}  b`],
		[`${HELLO}  a\n${OTHER}  b`, 'c'],
		[`${HELLO}  a\n${OTHER}  sub/a`, 'a'],
		[`${HELLO}\n${OTHER}`, 'a'],
		[`${HELLO}  a\nrubbish`, 'a'],
		[`${HELLO}${'\n'.repeat(1024 * 1024)}`],
	] as ReadonlyArray<readonly [string, string?]>)
		t.is(value(text, name), 'malformed', text.slice(0, 80))
})

test('whatever a checksum file holds, reading it ends, and does not throw', t => {
	const pieces = fc.constantFrom(HELLO, ' ', '  ', '*', '\\', '\n', '\r', '(', ')', ' = ', 'SHA256', 'a', '#')
	fc.assert(
		fc.property(
			fc.oneof(
				fc.string(),
				fc.array(pieces).map(all => all.join('')),
			),
			text => ['found', 'malformed'].includes(parseChecksumFile(text, 'a').status),
		),
	)
	t.pass()
})

test('CRC-32 and CRC-32C come to the check values of their catalogue', t => {
	const check = Buffer.from('123456789')
	for (const [kind, expected] of [
		['crc32', 0xcbf43926],
		['crc32c', 0xe3069283],
	] as const) {
		const crc = createCrc(kind)
		crc.update(check)
		t.is(crc.value(), expected)
	}
	// RFC 3720 §B.4
	for (const [bytes, expected] of [
		[Buffer.alloc(32), 0x8a9136aa],
		[Buffer.alloc(32, 0xff), 0x62a8ab43],
		[Buffer.from(Array.from({ length: 32 }, (_, index) => index)), 0x46dd794e],
		[Buffer.from(Array.from({ length: 32 }, (_, index) => 31 - index)), 0x113fdb5c],
	] as const) {
		const crc = createCrc('crc32c')
		crc.update(bytes)
		t.is(crc.value(), expected)
	}
})

test('CRC-32 in pieces of any size is that of zlib', t => {
	fc.assert(
		fc.property(fc.array(fc.uint8Array()), chunks => {
			const crc = createCrc('crc32')
			for (const chunk of chunks) crc.update(chunk)
			return crc.value() === crc32(Buffer.concat(chunks))
		}),
	)
	t.pass()
})

const base64 = (hex: string): string => Buffer.from(hex, 'hex').toString('base64')

test('the checksums of an S3 object are verified, the strongest of them', async t => {
	const promise = parseS3Checksums({
		ChecksumCRC32: base64('cbf43926'),
		ChecksumCRC32C: base64('e3069283'),
		ChecksumType: 'FULL_OBJECT',
	})
	if (promise.status !== 'found') return t.fail(promise.status)
	t.deepEqual(
		promise.digests.map(({ algorithm, value, of }) => [algorithm, value, of]),
		[
			['crc32c', 'e3069283', 'representation'],
			['crc32', 'cbf43926', 'representation'],
		],
	)
	for (const one of promise.digests) {
		const check = createDigestCheck([one])!
		check.update(Buffer.from('1234'))
		check.update(Buffer.from('56789'))
		await check.verify('it')
		const wrong = createDigestCheck([one])!
		wrong.update(Buffer.from('123456788'))
		await t.throwsAsync(wrong.verify('it'), { code: 'DIGEST_MISMATCH' })
	}
})

test('the headers of an S3 answer say the same', t => {
	const headers = new Headers({
		'x-amz-checksum-sha256': base64(HELLO),
		'x-amz-checksum-type': 'FULL_OBJECT',
	})
	t.deepEqual(
		parseS3ChecksumHeaders(name => headers.get(name) ?? undefined),
		{ status: 'found', digests: [{ algorithm: 'sha-256', value: HELLO, of: 'representation' }] },
	)
})

test('a checksum of checksums, as uploads in parts have them, is no promise about bytes', t => {
	t.deepEqual(parseS3Checksums({ ChecksumSHA256: `${base64(HELLO)}-3` }), { status: 'none' })
	t.deepEqual(parseS3Checksums({ ChecksumSHA256: base64(HELLO), ChecksumType: 'COMPOSITE' }), {
		status: 'none',
	})
	t.deepEqual(parseS3Checksums({}), { status: 'none' })
})

test('an S3 checksum of the wrong length, or that is no base64, is malformed', t => {
	for (const wrong of [base64('cbf4'), 'cbf43926', '', 'y/Q5J', base64(HELLO)])
		t.is(parseS3Checksums({ ChecksumCRC32: wrong }).status, 'malformed')
})
