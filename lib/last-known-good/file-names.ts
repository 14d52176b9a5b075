import { createHash, randomBytes } from 'node:crypto'

/**
 * `rates~0a1b2c3d4e5f6a7b.000000000000012.001767225600000.9f86d081884c7d65.lkg`
 *
 * The term, the sequence, when it was saved, and chance. Lower case only, so that file systems without case keep
 * terms apart; fixed width, so that `ls` shows them in order.
 */
export interface SnapshotFile {
	readonly file: string
	readonly sequence: number
	readonly savedAt: number
}

const SLUG_LENGTH = 40
const DIGITS = 15
const HIGHEST = 10 ** DIGITS - 1

/**
 * What the names of a term's files begin with: as much of its name as any file system takes, for people, and 64 bits
 * of the name's SHA-256, for telling terms apart.
 */
export const stemOf = (name: string): string => {
	const slug = name
		.slice(0, SLUG_LENGTH)
		.toLowerCase()
		.replace(/[^a-z0-9_]+/g, '-')
		.replace(/^-+|-+$/g, '')
	const hash = createHash('sha256').update(name).digest('hex').slice(0, 16)
	return `${slug === '' ? 'term' : slug}~${hash}`
}

export const nameSnapshot = (stem: string, sequence: number, now: number): SnapshotFile => {
	const savedAt = clamp(now)
	const file = `${stem}.${digits(sequence)}.${digits(savedAt)}.${nonce()}.lkg`
	return { file, sequence, savedAt }
}

/** The process is named for people: who it was says nothing about whether it lives, as another host may have it. */
export const nameTemporary = (stem: string): string => `${stem}.${process.pid}-${nonce()}.tmp`

export const isTemporary = (stem: string, file: string): boolean =>
	file.startsWith(`${stem}.`) && /^\d+-[0-9a-f]{16}\.tmp$/.test(file.slice(stem.length + 1))

/** The snapshots of the term in a listing of the directory, newest first. */
export const snapshotsIn = (stem: string, listing: readonly string[]): SnapshotFile[] =>
	listing
		.flatMap(file => {
			if (!file.startsWith(`${stem}.`)) return []
			const match = /^(\d{15})\.(\d{15})\.[0-9a-f]{16}\.lkg$/.exec(file.slice(stem.length + 1))
			return match === null ? [] : [{ file, sequence: Number(match[1]), savedAt: Number(match[2]) }]
		})
		.sort(newestFirst)

/**
 * The sequence decides, whatever the clock says, so that a clock which jumps back a day makes no old snapshot the
 * newest. Two processes that save at once may choose the same; then it is the later one by the clock, then chance.
 */
export const newestFirst = (a: SnapshotFile, b: SnapshotFile): number =>
	b.sequence - a.sequence || b.savedAt - a.savedAt || (a.file < b.file ? 1 : a.file > b.file ? -1 : 0)

/** Above all that there are. At the end of the digits, which no honest history reaches, the clock decides. */
export const nextSequence = (snapshots: readonly SnapshotFile[]): number =>
	Math.min(HIGHEST, (snapshots[0]?.sequence ?? 0) + 1)

const clamp = (now: number): number => Math.min(HIGHEST, Math.max(0, Math.floor(now)))
const digits = (value: number): string => String(value).padStart(DIGITS, '0')
const nonce = (): string => randomBytes(8).toString('hex')
