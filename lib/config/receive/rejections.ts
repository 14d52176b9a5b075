import type { RemoteTermError } from '../../core/errors.ts'
import { reasonOf, type FailureLog } from './failures.ts'
import { isName } from '../names.ts'

/** What something that may be no push at all says of itself. */
export const claimsOf = (
	config: unknown,
): {
	readonly service: string | undefined
	readonly configVersion: string | undefined
	readonly count: number
} => {
	const { service, configVersion, items } = (config ?? {}) as Readonly<Record<string, unknown>>
	return {
		service: isName(service) ? service : undefined,
		configVersion: typeof configVersion === 'string' ? configVersion.slice(0, 256) : undefined,
		count: Array.isArray(items) ? items.length : 0,
	}
}

/** Of one push or pull, so that one that is all wrong does not drive everybody else's failures out of the log. */
const MAX_ITEMS = 100

/** One record for each item that has a fault, up to a bound, and one for all that is wrong with the rest. */
export const recordRejection = (
	failures: FailureLog,
	{
		config,
		error,
		source,
		node,
	}: {
		readonly config: unknown
		readonly error: RemoteTermError
		readonly source: 'push' | 'pull'
		readonly node: string | undefined
	},
): void => {
	const { service, items } = (config ?? {}) as { readonly service?: unknown; readonly items?: unknown }
	const reasons = new Map<number | undefined, string[]>()
	for (const { path, message } of error.issues ?? []) {
		const [first, index, ...rest] = path
		const ofItem = first === 'items' && typeof index === 'number'
		const at = ofItem ? index : undefined
		const reason = reasonOf(ofItem ? { path: rest, message } : { path, message })
		const known = reasons.get(at)
		if (known === undefined) reasons.set(at, [reason])
		else known.push(reason)
	}
	if (reasons.size === 0) {
		failures.record({ service, source, node, reasons: [`${error.code}: ${error.message}`] })
		return
	}
	const ofItems = [...reasons].flatMap(([index, found]) => (index === undefined ? [] : [{ index, found }]))
	for (const { index, found } of ofItems.slice(0, MAX_ITEMS)) {
		const item = (items as readonly unknown[])[index]
		const { requestType, version } = (item ?? {}) as Readonly<Record<string, unknown>>
		failures.record({ service, requestType, version, source, node, reasons: found })
	}
	const more = ofItems.length - MAX_ITEMS
	const ofRest = [
		...(reasons.get(undefined) ?? []),
		...(more > 0 ? [`and faults in ${more} more items`] : []),
	]
	if (ofRest.length > 0) failures.record({ service, source, node, reasons: ofRest })
}
