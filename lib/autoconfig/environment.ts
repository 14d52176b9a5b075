import { booleanField, fieldsOf, integerField, objectField, stringField, type Fields } from './fields.ts'
import type { ItemKind } from './item-kind.ts'

/** An environment as the stream describes it (SPEC §1.4). Newer servers send more; that is passed over. */
export interface EnvRep {
	readonly envID: string
	readonly envKey: string
	readonly envName: string
	readonly mobKey: string
	readonly projKey: string
	readonly projName: string
	readonly sdkKey: {
		readonly value: string
		/** The key before this one, good until the timestamp: milliseconds since the Unix epoch. */
		readonly expiring?: { readonly value: string; readonly timestamp: number } | undefined
	}
	/** In minutes. */
	readonly defaultTtl: number
	readonly secureMode: boolean
	readonly version: number
}

/** A payload filter as the stream describes it. Its id is where it is found, by convention `projKey.key`. */
export interface FilterRep {
	readonly projKey: string
	readonly key: string
	readonly version: number
}

export interface EnvironmentIdentifiers {
	readonly envKey: string
	readonly envName: string
	readonly projKey: string
	readonly projName: string
	/** Of a filtered copy: see `filteredEnvironments`. */
	readonly filterKey?: string | undefined
}

/** An environment as its handler gets it. */
export interface EnvironmentParams {
	readonly envId: string
	readonly identifiers: EnvironmentIdentifiers
	/** A secret. */
	readonly sdkKey: string
	/** A secret. */
	readonly mobileKey: string
	/** The SDK key before this one, while it is still good. `expiration`: milliseconds since the Unix epoch. */
	readonly expiringSdkKey?: { readonly key: string; readonly expiration: number } | undefined
	/** In milliseconds. */
	readonly ttl: number
	readonly secureMode: boolean
}

export interface FilterParams {
	readonly id: string
	readonly projKey: string
	readonly key: string
}

const MINUTE = 60_000

/** Throws `DESERIALIZE_FAILED` for what is no environment. */
export const parseEnvRep = (raw: unknown): EnvRep => {
	const fields = fieldsOf(raw, 'an environment')
	return {
		envID: stringField(fields, 'envID'),
		envKey: stringField(fields, 'envKey'),
		envName: stringField(fields, 'envName'),
		mobKey: stringField(fields, 'mobKey'),
		projKey: stringField(fields, 'projKey'),
		projName: stringField(fields, 'projName'),
		sdkKey: parseSdkKey(objectField(fields, 'sdkKey')),
		defaultTtl: integerField(fields, 'defaultTtl'),
		secureMode: booleanField(fields, 'secureMode'),
		version: integerField(fields, 'version'),
	}
}

const parseSdkKey = (fields: Fields | undefined): EnvRep['sdkKey'] => {
	if (fields === undefined) return { value: '' }
	const value = stringField(fields, 'value')
	const expiring = objectField(fields, 'expiring')
	if (expiring === undefined) return { value }
	return {
		value,
		expiring: { value: stringField(expiring, 'value'), timestamp: integerField(expiring, 'timestamp') },
	}
}

/** An `expiring` without a key, or without a time, says nothing. */
export const environmentParams = (rep: EnvRep): EnvironmentParams => {
	const { expiring } = rep.sdkKey
	return {
		envId: rep.envID,
		identifiers: {
			envKey: rep.envKey,
			envName: rep.envName,
			projKey: rep.projKey,
			projName: rep.projName,
		},
		sdkKey: rep.sdkKey.value,
		mobileKey: rep.mobKey,
		...(expiring !== undefined &&
			expiring.value !== '' &&
			expiring.timestamp !== 0 && {
				expiringSdkKey: { key: expiring.value, expiration: expiring.timestamp },
			}),
		ttl: rep.defaultTtl * MINUTE,
		secureMode: rep.secureMode,
	}
}

/** LaunchDarkly's environments, which is what a `StreamManager` expects if it is told nothing else. */
export const environments: ItemKind<EnvironmentParams> = Object.freeze({
	collection: 'environments',
	parse(raw: unknown) {
		const rep = parseEnvRep(raw)
		return { id: rep.envID, version: rep.version, item: environmentParams(rep) }
	},
})

/** LaunchDarkly's payload filters. They never change: a higher version moves the version, and nobody is told. */
export const filters: ItemKind<FilterParams> = Object.freeze({
	collection: 'filters',
	parse(raw: unknown, id: string) {
		const fields = fieldsOf(raw, 'a filter')
		return {
			version: integerField(fields, 'version'),
			item: { id, projKey: stringField(fields, 'projKey'), key: stringField(fields, 'key') },
		}
	},
})
