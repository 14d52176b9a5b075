import { RemoteTermError } from '../core/errors.ts'
import type { Peer } from '../core/transport.ts'
import type { PublisherModule, Subscriptions } from './module.ts'

/** One membership. A member that has joined twice is there twice. */
export interface GroupMember {
	/** What the member is called where it lives. */
	readonly id: string
	/** The instance that it lives on. */
	readonly peer: Peer
}

export interface GroupNotification {
	readonly type: 'join' | 'leave'
	readonly group: string
	readonly members: readonly GroupMember[]
}

/** One group's members, or of all groups by their names. */
export type GroupSnapshot = ReadonlyMap<string, readonly GroupMember[]>

/** The groups of one node, each with the ids of those who joined there. None is empty. */
export type GroupData = Map<string, readonly string[]>

/** For each group who joins and who leaves. */
export type GroupUpdate = ReadonlyArray<
	readonly [group: string, join: readonly string[], leave: readonly string[]]
>

/** By group, then by the peer's id. None is empty. */
export type GroupView = Map<string, Map<string, { readonly peer: Peer; readonly ids: readonly string[] }>>

/** What one subscribes to: all groups, or one. As strings, since keys are compared with `===`. */
export type GroupKey = 'all' | `group:${string}`

export const groupsModule: PublisherModule<
	GroupData,
	GroupUpdate,
	GroupView,
	GroupKey,
	GroupSnapshot,
	number,
	GroupNotification
> = {
	version: () => 1,
	initGlobalView: () => new Map(),
	initLocalData: () => new Map(),

	updateLocalData(update, data) {
		for (const [group, join, leave] of update) {
			const ids = changed(data.get(group) ?? [], join, leave)
			if (ids.length === 0) data.delete(group)
			else data.set(group, ids)
		}
		return data
	},

	updateGlobalViewAndNotify(origin, update, subscriptions, view) {
		if (!isUpdate(update)) throw malformed('update')
		for (const [group, join, leave] of update) {
			const nodes = view.get(group) ?? new Map<string, { peer: Peer; ids: readonly string[] }>()
			const ids = changed(nodes.get(origin.id)?.ids ?? [], join, leave)
			if (ids.length === 0) nodes.delete(origin.id)
			else nodes.set(origin.id, { peer: origin, ids })
			if (nodes.size === 0) view.delete(group)
			else view.set(group, nodes)
			notify(subscriptions, 'join', group, join, origin)
			notify(subscriptions, 'leave', group, leave, origin)
		}
		return view
	},

	dataDiff(before, after) {
		if (!(after instanceof Map)) throw malformed('data')
		const update: Array<[string, readonly string[], readonly string[]]> = []
		for (const group of new Set([...before.keys(), ...after.keys()])) {
			const [had, has] = [before.get(group) ?? [], after.get(group) ?? []]
			const [join, leave] = [without(has, had), without(had, has)]
			if (join.length + leave.length > 0) update.push([group, join, leave])
		}
		return update
	},

	newSubscription: (key, view) =>
		key === 'all'
			? new Map([...view.keys()].map(group => [group, membersOf(view, group)]))
			: snapshotOfOne(view, key.slice('group:'.length)),
}

export const membersOf = (view: GroupView, group: string): readonly GroupMember[] =>
	[...(view.get(group)?.values() ?? [])].flatMap(({ peer, ids }) => ids.map(id => ({ id, peer })))

const snapshotOfOne = (view: GroupView, group: string): GroupSnapshot => {
	const members = membersOf(view, group)
	return new Map(members.length === 0 ? [] : [[group, members]])
}

const notify = (
	subscriptions: Subscriptions<GroupKey, GroupNotification>,
	type: GroupNotification['type'],
	group: string,
	ids: readonly string[],
	peer: Peer,
): void => {
	if (ids.length === 0) return
	const members = ids.map(id => ({ id, peer }))
	for (const key of ['all', `group:${group}`] as const)
		for (const subscriber of subscriptions.get(key)?.values() ?? [])
			subscriber.notify({ type, group, members })
}

/** Those who leave are taken away once each, those who join are added once each. */
const changed = (
	ids: readonly string[],
	join: readonly string[],
	leave: readonly string[],
): readonly string[] => [...without(ids, leave), ...join]

/** What is left of a multiset when another is taken from it. */
const without = (ids: readonly string[], taken: readonly string[]): readonly string[] => {
	if (taken.length === 0) return ids
	const times = new Map<string, number>()
	for (const id of taken) times.set(id, (times.get(id) ?? 0) + 1)
	return ids.filter(id => {
		const left = times.get(id) ?? 0
		if (left > 0) times.set(id, left - 1)
		return left === 0
	})
}

const isIds = (value: unknown): boolean => Array.isArray(value) && value.every(id => typeof id === 'string')

const isUpdate = (update: unknown): boolean =>
	Array.isArray(update) &&
	update.every(
		(one: unknown) => Array.isArray(one) && typeof one[0] === 'string' && isIds(one[1]) && isIds(one[2]),
	)

const malformed = (what: string): RemoteTermError =>
	new RemoteTermError('VALIDATION_FAILED', `A peer's ${what} is none of process groups`)
