import type { Called, Track } from './configuration.ts'
import { filters, type EnvironmentParams, type FilterParams } from './environment.ts'
import type { ExpiringKeys } from './expiring-keys.ts'
import type { EnvironmentHandler, ItemHandler } from './handler.ts'
import type { ItemKind } from './item-kind.ts'
import type { EndedKey } from './rotator.ts'

/** Makes one call of the handler: never throws, and tells nobody who has been closed. */
export type Call = (name: string, callback: () => unknown) => Called

/** Any kind: its items are told as they are. */
export const tracksOfKind = <Item>(kind: ItemKind<Item>, handler: ItemHandler<Item>, call: Call): Track[] => [
	{
		kind,
		insert: (id, item) => call('add', () => handler.add(id, item as Item)),
		update: (id, item) => call('update', () => handler.update(id, item as Item)),
		delete: id => call('delete', () => handler.delete(id)),
	},
]

/** LaunchDarkly's: environments, whose keys have ends of their own, and filters. */
export const environmentTracks = (
	kind: ItemKind<EnvironmentParams>,
	handler: EnvironmentHandler,
	keys: ExpiringKeys,
	call: Call,
	now: () => number,
): Track[] => {
	const changed = (name: 'addEnvironment' | 'updateEnvironment', params: EnvironmentParams): Called => {
		const told = withoutPastKey(params, now())
		const { envId, sdkKey, expiringSdkKey: grace } = params
		const called = call(name, () => handler[name](told))
		const ended = keys.rotate(envId, sdkKey, grace && { key: grace.key, expiry: grace.expiration })
		return ended.length === 0 ? called : afterThat(called, envId, ended)
	}
	const afterThat = async (called: Called, envId: string, ended: readonly EndedKey[]): Promise<void> => {
		await called
		for (const { key, reason } of ended)
			await call('keyExpired', () => handler.keyExpired?.(envId, key, reason))
	}
	return [
		{
			kind,
			insert: (_id, item) => changed('addEnvironment', item as EnvironmentParams),
			update: (_id, item) => changed('updateEnvironment', item as EnvironmentParams),
			delete(id) {
				keys.delete(id)
				return call('deleteEnvironment', () => handler.deleteEnvironment(id))
			},
		},
		{
			kind: filters,
			insert: (_id, item) => call('addFilter', () => handler.addFilter?.(item as FilterParams)),
			delete: id => call('deleteFilter', () => handler.deleteFilter?.(id)),
		},
	]
}

/** A control plane leaves a key in place long after its time. */
const withoutPastKey = (params: EnvironmentParams, now: number): EnvironmentParams => {
	if (params.expiringSdkKey === undefined || now <= params.expiringSdkKey.expiration) return params
	const { expiringSdkKey: _, ...rest } = params
	return rest
}
