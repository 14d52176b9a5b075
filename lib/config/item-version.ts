import { compare, compareBuild, parse } from 'semver'

/** The version of an item that has none. Lower than all others, pre-releases of `0.0.0` included. */
export const LOWEST_VERSION = '0.0.0'

/** Semantic Versioning 2.0.0, its own pattern, without a `v` in front. */
export const SEMVER =
	/^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?(?:\+([0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*))?$/

const LONGEST = 256

/** Numbers beyond 2^53 − 1, which could not be compared, are no versions either. */
export const isItemVersion = (version: unknown): version is string =>
	typeof version === 'string' && version.length <= LONGEST && SEMVER.test(version) && parse(version) !== null

/** Missing, `null` and empty mean the lowest. Whatever else stays, for the check that follows. */
export const versionOrLowest = (version: unknown): unknown =>
	version === undefined || version === null || version === '' ? LOWEST_VERSION : version

/** Below 0 where `a` is lower. Build metadata, which semver does not order, decides only between what is equal. */
export const compareItemVersions = (a: string, b: string): number => {
	if (a === b) return 0
	if (a === LOWEST_VERSION) return -1
	if (b === LOWEST_VERSION) return 1
	return compareBuild(a, b) || (a < b ? -1 : 1)
}

/** Whether both are semantic versions (a leading `v` is allowed) and the new one is lower. */
export const isDowngrade = (from: string, to: string): boolean => {
	const stored = parse(from)
	const offered = parse(to)
	return stored !== null && offered !== null && compare(offered, stored) < 0
}
