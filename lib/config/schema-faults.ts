import { z } from 'zod'

type RawIssue = z.core.$ZodRawIssue

/**
 * The last check of an object's schema, which runs however wrong the object is. It puts the faults into the order in
 * which the fields are declared, and says more precisely what zod says of some:
 *
 * - a field that is left out "is missing";
 * - of a value that is none of several kinds, but clearly means one of them, it names what is wrong within it.
 */
export const explained = (fields: readonly string[]) => {
	const positionOf = ({ path }: RawIssue): number => {
		const position = fields.indexOf(String(path?.[0]))
		return position < 0 ? fields.length : position
	}
	const check = z.check<unknown>(payload => {
		payload.issues = payload.issues.flatMap(explain).sort((a, b) => positionOf(a) - positionOf(b))
	})
	check._zod.def.when = () => true
	return check
}

const explain = (issue: RawIssue): RawIssue[] => {
	if (issue.code === 'invalid_union') return meant(issue)
	const isMissing = issue.code === 'invalid_type' && issue.input === undefined
	// What has words of its own keeps them.
	if (!isMissing || issue.inst?._zod.def.error !== undefined) return [issue]
	return [{ ...issue, message: 'is missing' }]
}

/** The faults of the one kind of which only parts are wrong; or what is said of all of them together. */
const meant = (issue: Extract<RawIssue, { code: 'invalid_union' }>): RawIssue[] => {
	const inner = issue.errors.filter(
		issues => issues.length > 0 && issues.every(({ path }) => path.length > 0),
	)
	const [only, ...others] = inner
	if (only === undefined || others.length > 0) return [issue]
	return only.map(({ path, message }): RawIssue => ({
		code: 'custom',
		path: [...(issue.path ?? []), ...path],
		message,
		input: issue.input,
	}))
}
