import type { StandardSchemaV1 } from '@standard-schema/spec'
import { messageOf, RemoteTermError } from '../core/errors.ts'
import { loadExport, type ResolvedReference } from './module-function.ts'
import { RowFault } from './row-writer.ts'

/** Gives the row to keep, or throws `RowFault`; or a promise of either. */
export type CheckRow = (row: unknown) => unknown

/** A Standard Schema, or a function that returns the row to keep, or a promise of it, or throws. */
export const loadRowSchema = async (reference: ResolvedReference): Promise<CheckRow> => {
	const schema = await loadExport('rowSchema', reference)
	const standard = (schema as { '~standard'?: StandardSchemaV1['~standard'] })['~standard']
	if (typeof standard?.validate === 'function') {
		return faultsOf(row => {
			const result = standard.validate(row)
			return result instanceof Promise ? result.then(checked) : checked(result)
		})
	}
	if (typeof schema !== 'function') {
		throw new RemoteTermError(
			'INVALID_OPTION',
			'Expected the export that `rowSchema` names to be a Standard Schema or a function',
		)
	}
	return faultsOf(schema as CheckRow)
}

/** Whatever it throws, now or later, is a fault of the row that it looked at. */
const faultsOf =
	(check: CheckRow): CheckRow =>
	row => {
		try {
			const result = check(row)
			return result instanceof Promise ? result.catch(unfit) : result
		} catch (error) {
			return unfit(error)
		}
	}

const unfit = (error: unknown): never => {
	throw error instanceof RowFault ? error : new RowFault(`does not fit its schema: ${messageOf(error)}`)
}

const checked = (result: StandardSchemaV1.Result<unknown>): unknown => {
	if (result.issues === undefined) return result.value
	const { message, path = [] } = result.issues[0]!
	const pointer = path
		.map(segment => `/${String(typeof segment === 'object' ? segment.key : segment)}`)
		.join('')
	throw new RowFault(`does not fit its schema: ${pointer === '' ? '' : `${pointer}: `}${message}`)
}
