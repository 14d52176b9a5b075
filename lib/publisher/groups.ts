import { RemoteTermError } from '../core/errors.ts'
import { invalid, onlyKnownOptions } from '../core/options.ts'
import type { Peer } from '../core/transport.ts'
import { DataPublisher, type FlushOptions } from './data-publisher.ts'
import {
	groupsModule,
	membersOf,
	type GroupKey,
	type GroupMember,
	type GroupNotification,
	type GroupSnapshot,
	type GroupUpdate,
	type GroupView,
} from './groups-module.ts'
import type { SubscriptionRef } from './module.ts'
import type { PublisherOptions } from './options.ts'
import type { PublisherStatus } from './status.ts'
import type { SubscribeOptions, Subscription } from './subscriptions.ts'

export interface JoinOptions {
	/** The member's life: when it is aborted, this membership ends. */
	readonly signal?: AbortSignal | undefined
}

/** One join. Leaving twice is leaving once. */
export interface Membership extends AsyncDisposable {
	leave(): Promise<void>
}

interface Held {
	readonly group: string
	readonly id: string
	/** Detaches it from its signal. */
	release: () => void
}

/**
 * Named groups of members that live on the nodes of a cluster: who does what, and where. After `pg` of Erlang/OTP.
 *
 * A group exists while it has members. A member may join a group more than once, and has to leave as often. Joining and
 * leaving takes effect here at once, and elsewhere as soon as the message is there; when a node is gone, its members are.
 */
export class ProcessGroups implements AsyncDisposable {
	readonly #publisher: DataPublisher<GroupUpdate, GroupView, GroupKey, GroupSnapshot, GroupNotification>
	/** Our own memberships, by group and id, the newest last. */
	readonly #held = new Map<string, Map<string, Held[]>>()

	private constructor(
		publisher: DataPublisher<GroupUpdate, GroupView, GroupKey, GroupSnapshot, GroupNotification>,
	) {
		this.#publisher = publisher
	}

	/** @throws as `DataPublisher.start` */
	static start(scope: string, options: PublisherOptions): ProcessGroups {
		return new ProcessGroups(DataPublisher.start(scope, groupsModule, options))
	}

	get self(): Peer {
		return this.#publisher.self
	}

	/**
	 * @param ids What the members are called, 1 to 256 characters each; all join in one step.
	 * Rejects with `INVALID_OPTION`, `TOO_LARGE` or `STOPPED`; then nobody has joined.
	 */
	async join(group: string, ids: string | readonly string[], options: JoinOptions = {}): Promise<Membership> {
		onlyKnownOptions('join', options, ['signal'])
		const joining = namesOf('group', group, ids)
		const { signal } = options
		if (isAborted(signal))
			throw new RemoteTermError('STOPPED', 'The member is gone before it has joined', {
				cause: signal?.reason,
			})
		const done = this.#publisher.update([[group, joining, []]])
		const held = joining.map((id): Held => ({ group, id, release: () => {} }))
		const membership = new HeldMembership(held, which => this.#end(which))
		const onAbort = (): void => void membership.leave().catch(() => {})
		for (const one of held) {
			one.release = () => signal?.removeEventListener('abort', onAbort)
			this.#hold(one)
		}
		try {
			await done
		} catch (error) {
			for (const one of held) this.#drop(one)
			throw error
		}
		if (isAborted(signal)) onAbort()
		else signal?.addEventListener('abort', onAbort, { once: true })
		return membership
	}

	/** Ends one membership of each, the newest first. Resolves to whether all of them were members; if not, nobody leaves. */
	async leave(group: string, ids: string | readonly string[]): Promise<boolean> {
		const leaving: Held[] = []
		for (const id of namesOf('group', group, ids)) {
			const one = this.#held
				.get(group)
				?.get(id)
				?.findLast(candidate => !leaving.includes(candidate))
			if (one === undefined) return false
			leaving.push(one)
		}
		await this.#end(leaving)
		return true
	}

	/** On all nodes; a member that has joined twice is there twice. */
	members(group: string): readonly GroupMember[] {
		return membersOf(this.#publisher.view, group)
	}

	/** The ids of those that have joined here. */
	localMembers(group: string): readonly string[] {
		return this.#publisher.view.get(group)?.get(this.self.id)?.ids ?? []
	}

	/** The groups that have members, wherever. */
	whichGroups(): readonly string[] {
		return [...this.#publisher.view.keys()]
	}

	/** Who is in a group, or in each, and who joins and leaves from then on. */
	monitor(
		group: string | undefined,
		options: SubscribeOptions<GroupNotification> = {},
	): Subscription<GroupSnapshot, GroupNotification> {
		const key = group === undefined ? 'all' : (`group:${group}` as const)
		return this.#publisher.subscribe(key, options)
	}

	demonitor(ref: SubscriptionRef): void {
		this.#publisher.unsubscribe(ref)
	}

	/** As `DataPublisher.flush`. */
	flush(options?: FlushOptions): Promise<void> {
		return this.#publisher.flush(options)
	}

	status(): PublisherStatus {
		return this.#publisher.status()
	}

	async stop(): Promise<void> {
		for (const ids of this.#held.values())
			for (const held of ids.values()) for (const one of held) one.release()
		this.#held.clear()
		await this.#publisher.stop()
	}

	[Symbol.asyncDispose](): Promise<void> {
		return this.stop()
	}

	/** Ends those that have not ended yet, in one step for each group. */
	async #end(held: readonly Held[]): Promise<void> {
		const groups = new Map<string, string[]>()
		for (const one of held) {
			if (!this.#drop(one)) continue
			groups.set(one.group, [...(groups.get(one.group) ?? []), one.id])
		}
		const update = [...groups].map(([group, ids]) => [group, [], ids] as const)
		if (update.length > 0) await this.#publisher.update(update)
	}

	#hold(one: Held): void {
		const ids = this.#held.get(one.group) ?? new Map<string, Held[]>()
		this.#held.set(one.group, ids.set(one.id, [...(ids.get(one.id) ?? []), one]))
	}

	#drop(one: Held): boolean {
		const ids = this.#held.get(one.group)
		const held = ids?.get(one.id)
		if (ids === undefined || held?.includes(one) !== true) return false
		one.release()
		if (held.length > 1)
			ids.set(
				one.id,
				held.filter(other => other !== one),
			)
		else ids.delete(one.id)
		if (ids.size === 0) this.#held.delete(one.group)
		return true
	}
}

class HeldMembership implements Membership {
	readonly #held: readonly Held[]
	readonly #end: (held: readonly Held[]) => Promise<void>

	constructor(held: readonly Held[], end: (held: readonly Held[]) => Promise<void>) {
		this.#held = held
		this.#end = end
	}

	leave(): Promise<void> {
		return this.#end(this.#held)
	}

	[Symbol.asyncDispose](): Promise<void> {
		return this.leave()
	}
}

const namesOf = (option: string, group: string, ids: string | readonly string[]): readonly string[] => {
	const names = typeof ids === 'string' ? [ids] : ids
	if (!isName(group)) throw invalid(option, 'a string of 1 to 256 characters', group)
	if (!Array.isArray(names) || names.length === 0 || !names.every(isName))
		throw invalid('ids', 'strings of 1 to 256 characters, one at least', ids)
	return names
}

const isAborted = (signal: AbortSignal | undefined): boolean => signal?.aborted === true

const isName = (name: unknown): name is string =>
	typeof name === 'string' && name.length > 0 && name.length <= 256
