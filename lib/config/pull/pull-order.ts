import { RemoteTermError } from '../../core/errors.ts'
import type { ServiceRecord } from '../config-db.ts'
import { isDowngrade } from '../item-version.ts'

/** What is in the database of a service. */
export type Stored = Pick<
	ServiceRecord,
	'configVersion' | 'revision' | 'source' | 'committedAt' | 'publishedAt' | 'pulledVersion'
>

/**
 * The revision that a pull rests on. Since it began, an operator's flags may have changed: those are no newer
 * configuration than what it brings. What was pushed or deleted is.
 */
export const baseRevision = (began: Stored | undefined, now: Stored | undefined): number => {
	const isTheSame =
		began?.committedAt === now?.committedAt &&
		began?.configVersion === now?.configVersion &&
		began?.source === now?.source
	return (isTheSame ? now : began)?.revision ?? 0
}

export interface Offer {
	readonly service: string
	readonly configVersion: string
	readonly publishedAt: number | undefined
	readonly node: { readonly label: string; readonly standsIn: boolean } | undefined
}

/**
 * The first node may take back what it has brought itself. A node that stands in for it lags behind rather than means
 * it; and so does one that has an older version than the service has pushed, as while a new version is rolled out.
 * Older is what has a lower semantic version; or, of versions that are not ordered so, what was published before.
 *
 * @throws `DOWNGRADE_REFUSED`
 */
export const refuseLagging = (held: Stored, { service, configVersion, publishedAt, node }: Offer): void => {
	const { label = 'a node', standsIn = false } = node ?? {}
	const isLower = isDowngrade(held.configVersion, configVersion)
	const isEarlier =
		publishedAt !== undefined && held.publishedAt !== undefined && publishedAt < held.publishedAt
	const isHigher = isDowngrade(configVersion, held.configVersion)
	if (standsIn ? !isLower && !(isEarlier && !isHigher) : !isLower || held.source !== 'push') return
	const because = standsIn ? 'stands in for another node' : 'has not got what was pushed'
	throw new RemoteTermError(
		'DOWNGRADE_REFUSED',
		`${label} ${because} and lags behind: it has ${service} at ${configVersion}, and ${held.configVersion} is stored`,
	)
}
