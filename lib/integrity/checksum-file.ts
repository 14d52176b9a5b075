import { DIGEST_LENGTHS, type DigestPromise } from './digest-fields.ts'

/** A `SHA256SUMS` of ten thousand files. In characters. */
const MAX_LENGTH = 1024 * 1024

/**
 * A detached checksum, as `sha256sum`, `sha512sum` and `shasum` write it:
 *
 * ```
 * 9f86d0…0a08  rates.json          coreutils, text
 * 9f86d0…0a08 *rates.json          coreutils, binary
 * \9f86d0…0a08  odd\nname.json     coreutils, for a name with \ or line ends
 * SHA256 (rates.json) = 9f86d0…    BSD, and coreutils --tag
 * 9f86d0…0a08                      nothing but the digest
 * ```
 *
 * @param fileName Whose line is wanted, if there are several. A file with one line only is taken whatever its name
 *   says, since files are renamed when they are published. Folders before the name do not matter.
 */
export const parseChecksumFile = (text: string, fileName?: string): DigestPromise => {
	if (text.length > MAX_LENGTH) return malformed(`expected at most ${MAX_LENGTH} characters`)
	const lines: Line[] = []
	for (const [index, line] of text
		.replace(/^\ufeff/, '')
		.split(/\r?\n/)
		.entries()) {
		if (/^\s*(?:#.*)?$/.test(line)) continue
		const parsed = parseLine(line)
		if (parsed === undefined) return malformed(`line ${index + 1} is no checksum that we know`)
		lines.push(parsed)
	}
	const [first] = lines
	if (first === undefined) return malformed('it holds no checksum')
	if (lines.length === 1) return found(first)
	const wanted = lines.filter(({ name }) => name !== undefined && lastPart(name) === fileName)
	const values = new Set(wanted.map(({ value }) => value))
	if (wanted[0] === undefined)
		return malformed(
			fileName === undefined
				? `it holds ${lines.length} checksums, and which is wanted is not known`
				: `none of its ${lines.length} checksums is of ${JSON.stringify(fileName)}`,
		)
	if (values.size > 1) return malformed(`it holds several checksums of ${JSON.stringify(fileName)}`)
	return found(wanted[0])
}

interface Line {
	readonly value: string
	readonly name: string | undefined
}

const parseLine = (line: string): Line | undefined => {
	const bsd = /^SHA(256|512) \((.+)\) = ([0-9a-f]+)\s*$/i.exec(line)
	if (bsd !== null) return checked(bsd[3]!, bsd[2], Number(bsd[1]) / 8)
	const named = /^(\\?)([0-9a-f]+) [ *](.+)$/i.exec(line)
	if (named !== null) return checked(named[2]!, named[1] === '' ? named[3]! : unescape(named[3]!))
	const bare = /^\s*([0-9a-f]+)\s*$/i.exec(line)
	return bare === null ? undefined : checked(bare[1]!, undefined)
}

const checked = (hex: string, name: string | undefined, bytes?: number): Line | undefined => {
	const lengths = bytes === undefined ? [DIGEST_LENGTHS['sha-256'], DIGEST_LENGTHS['sha-512']] : [bytes]
	return lengths.includes(hex.length / 2) ? { value: hex.toLowerCase(), name } : undefined
}

const unescape = (name: string): string =>
	name.replace(/\\([\\nr])/g, (_, letter: string) => (letter === 'n' ? '\n' : letter === 'r' ? '\r' : '\\'))

const lastPart = (path: string): string | undefined => path.split(/[/\\]/).at(-1)

const found = ({ value }: Line): DigestPromise => ({
	status: 'found',
	digests: [
		{
			algorithm: value.length === 2 * DIGEST_LENGTHS['sha-256'] ? 'sha-256' : 'sha-512',
			value,
			of: 'representation',
		},
	],
})

const malformed = (reason: string): DigestPromise => ({ status: 'malformed', reason })
