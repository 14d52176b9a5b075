const DAYS = 'Mon|Tue|Wed|Thu|Fri|Sat|Sun'
const LONG_DAYS = 'Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday'
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const TIME = String.raw`(?<hour>\d\d):(?<minute>\d\d):(?<second>\d\d)`
const MONTH = `(?<month>${MONTHS.join('|')})`

/** The preferred form first, then the two obsolete ones that a recipient has to accept (RFC 9110 §5.6.7). */
const FORMS = [
	new RegExp(String.raw`^(?:${DAYS}), (?<day>\d\d) ${MONTH} (?<year>\d{4}) ${TIME} GMT$`),
	new RegExp(String.raw`^(?:${LONG_DAYS}), (?<day>\d\d)-${MONTH}-(?<year>\d\d) ${TIME} GMT$`),
	new RegExp(String.raw`^(?:${DAYS}) ${MONTH} (?<day>[ \d]\d) ${TIME} (?<year>\d{4})$`),
]

/**
 * An HTTP date in milliseconds since the epoch; `undefined` for whatever is not exactly one. `Date.parse` would take
 * `0` for the year 2000 and `3000` for a year to come.
 *
 * @param now Which century a year of two digits is in: one that seems more than 50 years ahead is past.
 */
export const parseHttpDate = (text: string, now: number): number | undefined => {
	for (const form of FORMS) {
		const fields = form.exec(text)?.groups
		if (fields === undefined) continue
		const month = MONTHS.indexOf(fields.month!)
		const day = Number(fields.day)
		const [hour, minute, second] = [Number(fields.hour), Number(fields.minute), Number(fields.second)]
		const year = fields.year!.length === 2 ? yearOfTwoDigits(Number(fields.year), now) : Number(fields.year)
		if (hour > 23 || minute > 59 || second > 60) return undefined
		const date = new Date(0)
		// Not `Date.UTC`, to which the year 94 is 1994.
		date.setUTCFullYear(year, month, day)
		if (date.getUTCDate() !== day) return undefined
		return date.setUTCHours(hour, minute, second)
	}
	return undefined
}

const yearOfTwoDigits = (year: number, now: number): number => {
	const thisYear = new Date(now).getUTCFullYear()
	const guess = thisYear - (thisYear % 100) + year
	return guess > thisYear + 50 ? guess - 100 : guess
}
