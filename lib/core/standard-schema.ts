import type { StandardSchemaV1 } from '@standard-schema/spec'
import { RemoteTermError, type ErrorIssue } from './errors.ts'

/** Any schema that speaks Standard Schema 1 (zod, valibot, arktype, …), whose output is the term's value. */
export type Schema<Output> = StandardSchemaV1<unknown, Output>

const ISSUES_SHOWN = 5
const ISSUES_KEPT = 100

/** The schema's output; `VALIDATION_FAILED` with the issues, the first few of them in the message. */
export const checkAgainst = async <Output>(
	schema: Schema<Output>,
	value: unknown,
	subject: string,
): Promise<Output> => {
	const result = await schema['~standard'].validate(value)
	if (result.issues === undefined) return result.value
	const issues = result.issues.slice(0, ISSUES_KEPT).map(toIssue)
	const shown = issues
		.slice(0, ISSUES_SHOWN)
		.map(({ path, message }) => `${path.length > 0 ? `/${path.join('/')}: ` : ''}${message}`)
	const more = result.issues.length - shown.length
	throw new RemoteTermError(
		'VALIDATION_FAILED',
		`${subject} does not fit its schema: ${shown.join('; ')}${more > 0 ? `; and ${more} more` : ''}`,
		{ issues },
	)
}

const toIssue = ({ path = [], message }: StandardSchemaV1.Issue): ErrorIssue => ({
	path: path.map(segment => {
		const key = typeof segment === 'object' ? segment.key : segment
		return typeof key === 'number' ? key : String(key)
	}),
	message,
})
