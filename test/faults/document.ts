import { createHash } from 'node:crypto'
import type { Random } from './random.ts'

/**
 * What every source here serves: a document that says which one it is (`serial`) and can be told from a damaged or a
 * mixed one by itself (`checksum`), so that any value that a term returns can be identified without asking the term.
 */
export interface Document {
	readonly serial: number
	readonly entries: Readonly<Record<string, string>>
	readonly checksum: string
}

const checksumOf = (serial: number, entries: Readonly<Record<string, string>>): string =>
	createHash('sha256')
		.update(JSON.stringify([serial, Object.entries(entries).sort(([a], [b]) => (a < b ? -1 : 1))]))
		.digest('hex')
		.slice(0, 16)

/** @param ballast Characters of chance besides, which hardly compress. */
export const makeDocument = (serial: number, random: Random, ballast = 0): Document => {
	const entries: Record<string, string> = {}
	for (let entry = 0; entry < 8; entry++) entries[`entry-${entry}`] = random.text(12)
	if (ballast > 0) entries['ballast'] = random.text(ballast)
	return { serial, entries, checksum: checksumOf(serial, entries) }
}

/** Whether a value is a document as a whole: the right shape, and nothing in it that is not its own. */
export const isWhole = (value: unknown): value is Document => {
	if (typeof value !== 'object' || value === null) return false
	const { serial, entries, checksum } = value as Partial<Document>
	if (typeof serial !== 'number' || typeof checksum !== 'string') return false
	if (typeof entries !== 'object' || entries === null) return false
	return (
		Object.values(entries).every(entry => typeof entry === 'string') &&
		checksumOf(serial, entries) === checksum
	)
}
