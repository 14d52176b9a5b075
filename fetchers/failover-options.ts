import type { ErrorCode, RemoteTermError } from '../lib/core/errors.ts'
import type { Fetcher } from '../lib/core/fetcher.ts'
import { bool, invalid, nonEmptyString, onlyKnownOptions, positive } from '../lib/core/options.ts'

const SECOND = 1000

export interface FailoverSource {
	/**
	 * Marks the versions that come from this source, in logs and in what is kept across restarts, so better stable:
	 * `eu`. Default: its place in the list, from 1.
	 */
	readonly name?: string | undefined
	readonly fetcher: Fetcher
}

export interface FailoverOptions {
	/** In order of preference, at least one. */
	readonly sources: ReadonlyArray<FailoverSource | Fetcher>
	/**
	 * What else makes us ask the next source, besides network errors, timeouts, 5xx and 429, which always do: codes
	 * such as `FETCH_NOT_FOUND` and `FETCH_DENIED`, or a function that decides. Default: nothing, since a 404 or 403
	 * is most often a mistake in the configuration, and failing over would hide it.
	 */
	readonly failoverOn?: readonly ErrorCode[] | ((error: RemoteTermError) => boolean) | undefined
	/** How long a failed source is left alone before it is tried again ahead of the others, in ms. Default: 60 s. */
	readonly recoverAfter?: number | undefined
	/**
	 * How long one source may take until its answer begins, in ms, so that time is left for the next. Default: 10 s.
	 * Choose it so that all sources fit into the term's `timeout`.
	 */
	readonly attemptTimeout?: number | undefined
	/**
	 * Accept content of which nobody tells the age (`publishedAt`) from a source that steps in, at once. It may be
	 * older than what is in place. Default: false, which waits until that source has been seen to move.
	 */
	readonly acceptUndated?: boolean | undefined
}

export interface FailoverSettings {
	readonly sources: ReadonlyArray<{ readonly name: string; readonly fetcher: Fetcher }>
	readonly failsOver: (error: RemoteTermError) => boolean
	readonly recoverAfter: number
	readonly attemptTimeout: number
	readonly acceptUndated: boolean
}

export const parseOptions = (
	given: FailoverOptions | ReadonlyArray<FailoverSource | Fetcher>,
): FailoverSettings => {
	if (typeof given !== 'object' || given === null) throw invalid('options', 'an object or a list', given)
	const options: FailoverOptions = 'sources' in given ? given : { sources: given }
	onlyKnownOptions('FailoverFetcher', options, [
		'sources',
		'failoverOn',
		'recoverAfter',
		'attemptTimeout',
		'acceptUndated',
	])
	const {
		sources,
		failoverOn = [],
		recoverAfter = 60 * SECOND,
		attemptTimeout = 10 * SECOND,
		acceptUndated = false,
	} = options
	if (!Array.isArray(sources) || sources.length === 0)
		throw invalid('sources', 'a list of at least one fetcher', sources)
	if (typeof failoverOn !== 'function') {
		const codes: unknown = failoverOn
		if (!Array.isArray(codes) || !codes.every(code => typeof code === 'string')) {
			throw invalid('failoverOn', 'a list of error codes or a function', failoverOn)
		}
	}
	const named = (sources as ReadonlyArray<FailoverSource | Fetcher>).map((source, index) => {
		const path = `sources[${index}]`
		if (typeof source !== 'object' || source === null)
			throw invalid(path, 'a fetcher or { name, fetcher }', source)
		const { name = String(index + 1), fetcher }: FailoverSource =
			'fetcher' in source ? source : { fetcher: source }
		for (const method of ['init', 'currentVersion', 'download'] as const) {
			if (typeof fetcher?.[method] !== 'function') {
				throw invalid(path, `a Fetcher with a method \`${method}\``, fetcher)
			}
		}
		return { name: nonEmptyString(`${path}.name`, name), fetcher }
	})
	const names = named.map(({ name }) => name)
	const twice = names.find((name, index) => names.indexOf(name) !== index)
	if (twice !== undefined) throw invalid('sources', 'sources with names of their own', twice)
	return Object.freeze({
		sources: named,
		failsOver: (error: RemoteTermError) => failsOverByNature(error) || alsoOn(failoverOn, error),
		recoverAfter: positive('recoverAfter', recoverAfter),
		attemptTimeout: positive('attemptTimeout', attemptTimeout),
		acceptUndated: bool('acceptUndated', acceptUndated),
	})
}

const failsOverByNature = ({ code, status }: RemoteTermError): boolean => {
	switch (code) {
		case 'FETCH_FAILED':
		case 'FETCH_TIMEOUT':
		case 'FETCH_INCOMPLETE':
		case 'FETCH_THROTTLED':
			return true
		case 'FETCH_STATUS':
			return status !== undefined && status >= 500
		default:
			return false
	}
}

type FailoverOn = NonNullable<FailoverOptions['failoverOn']>

const alsoOn = (failoverOn: FailoverOn, error: RemoteTermError): boolean =>
	typeof failoverOn === 'function' ? failoverOn(error) : failoverOn.includes(error.code)
