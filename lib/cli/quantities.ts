/** What people write for durations and sizes, and what they read. */

const DURATION_UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** Milliseconds. `10s`, `1.5m`, `250ms`, `2h`; without a unit milliseconds. `undefined` for anything else, and for 0. */
export const parseDuration = (text: string): number | undefined => parse(text, DURATION_UNITS)

const SIZE_UNITS: Readonly<Record<string, number>> = {
	b: 1,
	kb: 1e3,
	mb: 1e6,
	gb: 1e9,
	kib: 2 ** 10,
	mib: 2 ** 20,
	gib: 2 ** 30,
}

/** Bytes. `64MiB`, `10MB`, `512kB`; without a unit bytes. `undefined` for anything else, and for less than 1. */
export const parseSize = (text: string): number | undefined => {
	const size = Math.floor(parse(text, SIZE_UNITS) ?? 0)
	return Number.isSafeInteger(size) && size >= 1 ? size : undefined
}

const parse = (text: string, units: Readonly<Record<string, number>>): number | undefined => {
	const [, digits, unit = ''] = /^(\d+(?:\.\d+)?) ?([a-z]*)$/i.exec(text.trim()) ?? []
	const factor = unit === '' ? 1 : Object.hasOwn(units, unit.toLowerCase()) && units[unit.toLowerCase()]
	if (digits === undefined || factor === undefined || factor === false) return undefined
	const amount = Number(digits) * factor
	return Number.isFinite(amount) && amount > 0 ? amount : undefined
}

/** Three significant digits in powers of 1000, as transfers are measured: `812 B`, `4.21 kB`, `31.4 MB`. */
export const formatBytes = (bytes: number): string => {
	const units = ['B', 'kB', 'MB', 'GB', 'TB']
	let [amount, unit] = [bytes, 0]
	// 999.5, since that is shown as 1000.
	while (amount >= 999.5 && unit < units.length - 1) {
		amount /= 1000
		unit++
	}
	return `${unit === 0 ? String(amount) : threeDigits(amount)} ${units[unit]}`
}

/** `0.4 ms`, `12 ms`, `1.25 s`, `3 min 20 s`, `2 h 5 min`. */
export const formatDuration = (ms: number): string => {
	if (ms < 1) return `${Number(ms.toFixed(1))} ms`
	if (ms < 999.5) return `${Math.round(ms)} ms`
	if (ms < 59_950) return `${Number(threeDigits(ms / 1000))} s`
	const seconds = Math.round(ms / 1000)
	if (seconds < 3600) return inTwo(seconds, 60, 'min', 's')
	const minutes = Math.round(seconds / 60)
	return minutes < 24 * 60 ? inTwo(minutes, 60, 'h', 'min') : inTwo(Math.round(minutes / 60), 24, 'd', 'h')
}

const inTwo = (amount: number, ratio: number, large: string, small: string): string => {
	const rest = amount % ratio
	return `${Math.floor(amount / ratio)} ${large}${rest === 0 ? '' : ` ${rest} ${small}`}`
}

const threeDigits = (amount: number): string => amount.toFixed(amount < 9.995 ? 2 : amount < 99.95 ? 1 : 0)

/** A local time of day to the second, as clocks on the wall show it. */
export const formatTimeOfDay = (epochMs: number): string => {
	const date = new Date(epochMs)
	return [date.getHours(), date.getMinutes(), date.getSeconds()]
		.map(part => String(part).padStart(2, '0'))
		.join(':')
}

/** Foreign text within a line of ours: no line breaks, and no escape sequences that a terminal would obey. */
export const oneLine = (text: string): string =>
	text
		.replaceAll(/\s*[\r\n]+\s*/g, ' ')
		.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, character => {
			const code = character.charCodeAt(0)
			return code === 9 ? ' ' : `\\u${code.toString(16).padStart(4, '0')}`
		})
