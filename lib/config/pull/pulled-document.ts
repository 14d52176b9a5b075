import { RemoteTermError } from '../../core/errors.ts'
import { describe } from '../../core/options.ts'

/** What a node answers with. */
export interface PulledDocument {
	/** Left out of a bare array, whose version is what the version's own target says, or the fetcher. */
	readonly configVersion: string | undefined
	/** Left out where it is known without asking that the stored ones are still the service's. */
	readonly items: readonly unknown[] | undefined
}

const LONGEST_VERSION = 256

/**
 * `{ "configVersion": …, "items": […] }`, or the bare array of items. What the items are like is the receiver's business.
 *
 * @throws `DESERIALIZE_FAILED` for any other shape. It is an error page, say, and another node may be asked.
 */
export const documentOf = (value: unknown): PulledDocument => {
	if (Array.isArray(value)) return { configVersion: undefined, items: value as unknown[] }
	if (typeof value === 'object' && value !== null) {
		const { configVersion, items } = value as { configVersion?: unknown; items?: unknown }
		if (Array.isArray(items)) {
			if (configVersion === undefined || isVersionText(configVersion))
				return { configVersion, items: items as unknown[] }
			throw shapeless(`\`configVersion\` to be a string of 1 to ${LONGEST_VERSION} characters`, configVersion)
		}
	}
	throw shapeless('an array of items, or an object with `items`', value)
}

/** As JSON (a string, or an object with `configVersion` or `version`), or as text. */
export const versionOf = (text: string): string => {
	const trimmed = text.trim()
	let value: unknown
	try {
		value = JSON.parse(trimmed)
	} catch {
		value = trimmed
	}
	if (typeof value === 'object' && value !== null) {
		const { configVersion, version } = value as { configVersion?: unknown; version?: unknown }
		value = configVersion ?? version
	} else if (typeof value !== 'string') value = trimmed
	// The page of a proxy or of an error, whatever its status.
	if (isVersionText(value) && !value.startsWith('<')) return value
	throw shapeless(`a version, as JSON or as a line of at most ${LONGEST_VERSION} characters`, value)
}

const isVersionText = (value: unknown): value is string =>
	typeof value === 'string' && /^[^\p{Cc}]{1,256}$/u.test(value) && value.length <= LONGEST_VERSION

const shapeless = (expected: string, found: unknown): RemoteTermError =>
	new RemoteTermError('DESERIALIZE_FAILED', `Expected ${expected}, got ${describe(found)}`)
