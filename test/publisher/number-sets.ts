import type { Peer } from '../../lib/core/transport.ts'
import type { PublisherModule } from '../../lib/publisher/index.ts'

/** The module of the traces: every node has a set of numbers; the view is who has which. */
export interface SetUpdate {
	readonly add: readonly number[]
	readonly remove: readonly number[]
}

export interface SetNotification extends SetUpdate {
	readonly origin: string
}

/** By the id of the instance. */
export type SetView = Map<string, Set<number>>

/** `all`, or the one number that somebody wants to know about: then the result is who has it. */
export type SetKey = 'all' | number

export type SetSnapshot = ReadonlyMap<string, readonly number[]>

export const update = (add: readonly number[], remove: readonly number[] = []): SetUpdate => ({ add, remove })

export class NumberSets implements PublisherModule<
	readonly number[],
	SetUpdate,
	SetView,
	SetKey,
	SetSnapshot,
	number,
	SetNotification
> {
	/** What the callbacks were called with, for tests of what they are given. */
	readonly calls: string[] = []
	/** Throws where it returns true. */
	fault: (callback: string, argument: unknown) => boolean = () => false
	readonly #version: number

	constructor(version = 1) {
		this.#version = version
	}

	version(): number {
		return this.#version
	}

	initGlobalView(): SetView {
		this.#called('initGlobalView', undefined)
		return new Map()
	}

	initLocalData(): readonly number[] {
		return []
	}

	stopGlobalView(): void {
		this.#called('stopGlobalView', undefined)
	}

	updateLocalData({ add, remove }: SetUpdate, data: readonly number[]): readonly number[] {
		this.#called('updateLocalData', { add, remove })
		const left = data.filter(number => !remove.includes(number))
		return [...left, ...add.filter(number => !left.includes(number))].sort((a, b) => a - b)
	}

	updateGlobalViewAndNotify(
		origin: Peer,
		{ add, remove }: SetUpdate,
		subscriptions: Parameters<
			PublisherModule<never, never, never, SetKey, never, never, SetNotification>['updateGlobalViewAndNotify']
		>[2],
		view: SetView,
	): SetView {
		const has = view.get(origin.id) ?? new Set()
		const added = add.filter(number => !has.has(number))
		const removed = remove.filter(number => has.has(number) && !add.includes(number))
		for (const number of removed) has.delete(number)
		for (const number of added) has.add(number)
		if (has.size === 0) view.delete(origin.id)
		else view.set(origin.id, has)
		// After the change in place, which is where a fault does its worst.
		this.#called('updateGlobalViewAndNotify', { add, remove })
		if (added.length + removed.length === 0) return view
		for (const [key, subscribers] of subscriptions) {
			const mine = (numbers: readonly number[]): readonly number[] =>
				key === 'all' ? numbers : numbers.filter(number => number === key)
			const notification = { origin: origin.id, add: mine(added), remove: mine(removed) }
			if (notification.add.length + notification.remove.length === 0) continue
			for (const subscriber of subscribers.values()) subscriber.notify(notification)
		}
		return view
	}

	dataDiff(before: readonly number[], after: readonly number[]): SetUpdate {
		this.#called('dataDiff', after)
		return update(
			after.filter(number => !before.includes(number)),
			before.filter(number => !after.includes(number)),
		)
	}

	newSubscription(key: SetKey, view: SetView): SetSnapshot {
		return snapshotOf(view, key)
	}

	#called(callback: string, argument: unknown): void {
		this.calls.push(callback)
		if (this.fault(callback, argument)) throw new Error(`${callback} is out of order`)
	}
}

export const snapshotOf = (view: SetView, key: SetKey = 'all'): SetSnapshot =>
	new Map(
		[...view]
			.map(
				([id, numbers]) =>
					[id, [...numbers].filter(number => key === 'all' || number === key).sort((a, b) => a - b)] as const,
			)
			.filter(([, numbers]) => numbers.length > 0)
			.sort(([a], [b]) => (a < b ? -1 : 1)),
	)

/** A subscriber's own copy of what it subscribed to, kept by nothing but its snapshot and its notifications. */
export class Follower {
	readonly key: SetKey
	readonly #faults: string[] = []
	readonly #view: SetView

	constructor(result: SetSnapshot, key: SetKey = 'all') {
		this.key = key
		this.#view = new Map([...result].map(([id, numbers]) => [id, new Set(numbers)]))
	}

	follow({ origin, add, remove }: SetNotification): void {
		const has = this.#view.get(origin) ?? new Set()
		for (const number of remove)
			if (!has.delete(number)) this.#faults.push(`${number} was not there to remove`)
		for (const number of add) {
			if (has.has(number)) this.#faults.push(`${number} was there already`)
			has.add(number)
		}
		if (has.size === 0) this.#view.delete(origin)
		else this.#view.set(origin, has)
	}

	/** @throws where something was told that should not have been: from within `follow` it would only be logged. */
	get snapshot(): SetSnapshot {
		if (this.#faults.length > 0) throw new Error(`A subscriber was told wrongly: ${this.#faults.join('; ')}`)
		return snapshotOf(this.#view)
	}
}
