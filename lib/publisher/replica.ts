import { RemoteTermError, messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { Peer } from '../core/transport.ts'
import type { ModuleVersion, PublisherModule, Translation } from './module.ts'
import type { Subscriptions } from './subscriptions.ts'

interface Contribution {
	readonly origin: Peer
	data: unknown
}

/**
 * Everybody's data, and the view that a module makes of it. The only place that calls a module's callbacks to change
 * something, and each change happens as a whole or not at all: where a callback throws, the data stay as they were, the
 * view is built again from them, and nobody is notified.
 */
export class Replica<Update, View, Key, Result, Notification> {
	readonly #module: PublisherModule<unknown, Update, View, Key, Result, ModuleVersion, Notification>
	readonly #scope: string
	readonly #self: Peer
	readonly #subscriptions: Subscriptions<Key, Notification>
	readonly #logger: Logger
	readonly #onLost: (origin: Peer) => void
	/** Whose data the view consists of: our own first. */
	readonly #contributions = new Map<string, Contribution>()
	#view: View
	#calling = false
	#stopped = false
	#rebuilt = 0
	#incomplete = false

	constructor(
		module: PublisherModule<unknown, Update, View, Key, Result, ModuleVersion, Notification>,
		scope: string,
		self: Peer,
		subscriptions: Subscriptions<Key, Notification>,
		logger: Logger,
		onLost: (origin: Peer) => void,
	) {
		this.#module = module
		this.#scope = scope
		this.#self = self
		this.#subscriptions = subscriptions
		this.#logger = logger
		this.#onLost = onLost
		this.#view = module.initGlobalView(scope)
		this.#contributions.set(self.id, { origin: self, data: module.initLocalData() })
	}

	get view(): View {
		return this.#view
	}

	get local(): unknown {
		return this.#contributions.get(this.#self.id)!.data
	}

	/** Whether a callback of the module runs now. */
	get calling(): boolean {
		return this.#calling
	}

	/** How often the view was built again. */
	get rebuilt(): number {
		return this.#rebuilt
	}

	/** Our own data are not in the view: the module threw over them when it was built again. */
	get incomplete(): boolean {
		return this.#incomplete
	}

	/** Tries once more to build a view that has everything in it. */
	repair(): void {
		if (this.#incomplete) this.#rebuild()
	}

	/**
	 * @param onCommit Called between the change and the notifications of it, which may cause further changes.
	 * @throws what the callback threw, and then nothing has changed.
	 */
	update(origin: Peer, update: Update, onCommit?: () => void): void {
		this.#change(origin, () => update, false, { onCommit })
	}

	/** Full data in place of what was known: one update, from the one to the other. */
	replace(origin: Peer, data: unknown): void {
		this.#change(origin, before => this.#module.dataDiff(before, data), false, { after: { data } })
	}

	/** What a peer contributed goes. This does not fail: if it has to be done without notifying, the subscriptions end. */
	remove(origin: Peer): void {
		if (!this.#contributions.has(origin.id)) return
		try {
			this.#change(origin, before => this.#module.dataDiff(before, this.#module.initLocalData()), true)
		} catch (error) {
			this.#logger.error(`'${this.#scope}': the removal of a peer's data threw; the view is built again`, {
				peer: origin.id,
				error,
			})
			this.#contributions.delete(origin.id)
			this.#rebuild()
			this.#subscriptions.end(viewLost(error))
		}
	}

	snapshot(key: Key): Result {
		return this.#guarded(() => this.#module.newSubscription(key, this.#view))
	}

	/** `undefined` where the module knows no foreign messages, or threw. */
	translate(
		message: unknown,
		from: Peer | undefined,
	): Translation<unknown, Update, View, ModuleVersion> | undefined {
		if (this.#module.translateMessage === undefined) return undefined
		try {
			const translation = this.#guarded(() => this.#module.translateMessage!(message, this.#view, from))
			this.#view = translation.view
			return translation
		} catch (error) {
			this.#logger.error(`'${this.#scope}': translateMessage threw`, { from: from?.id, error })
			this.#rebuild()
			return undefined
		}
	}

	stop(): void {
		this.#stopped = true
		this.#end()
	}

	#change(
		origin: Peer,
		updateFor: (before: unknown) => Update,
		gone: boolean,
		{
			after,
			onCommit,
		}: { readonly after?: { readonly data: unknown }; readonly onCommit?: (() => void) | undefined } = {},
	): void {
		if (this.#stopped) return
		this.repair()
		const before = this.#contributions.get(origin.id)?.data
		let touched = false
		try {
			const { result, deliver } = this.#subscriptions.gather(() =>
				this.#guarded(() => {
					const known = before === undefined ? this.#module.initLocalData() : before
					const update = updateFor(known)
					const map = this.#subscriptions.map
					touched = true
					// The view first, as in the reference: then a module may change data in place, as its last step.
					const view = this.#module.updateGlobalViewAndNotify(origin, update, map, this.#view)
					if (gone) return { view, data: undefined }
					return {
						view,
						data: after === undefined ? this.#module.updateLocalData(update, known) : after.data,
					}
				}),
			)
			this.#view = result.view
			if (gone) this.#contributions.delete(origin.id)
			else this.#contributions.set(origin.id, { origin, data: result.data })
			onCommit?.()
			deliver()
		} catch (error) {
			if (touched && !gone) this.#rebuild()
			throw error
		}
	}

	/** Whose data throw even here is left out, and the next attempt made without him: what he has done to the view is gone. */
	#rebuild(): void {
		if (this.#stopped) return
		this.#rebuilt++
		const left = new Map(this.#contributions)
		let lost: unknown
		let unbuilt = false
		for (let culprit: Contribution | undefined; ;) {
			try {
				culprit = undefined
				this.#end()
				this.#view = this.#guarded(() => this.#module.initGlobalView(this.#scope))
				for (culprit of left.values()) this.#put(culprit)
				break
			} catch (error) {
				lost = error
				unbuilt = culprit === undefined
				if (culprit === undefined) break
				left.delete(culprit.origin.id)
				this.#logger.error(`'${this.#scope}': data cannot be put into the view`, {
					peer: culprit.origin.id,
					error,
				})
			}
		}
		if (lost === undefined) {
			// Whoever has subscribed meanwhile has a snapshot without our data.
			if (this.#incomplete) this.#subscriptions.end(viewLost('now everything is in the view again'))
			this.#incomplete = false
			return
		}
		this.#incomplete = !left.has(this.#self.id) || unbuilt
		for (const [id, { origin }] of this.#contributions) {
			if (left.has(id) || id === this.#self.id) continue
			this.#contributions.delete(id)
			this.#onLost(origin)
		}
		this.#subscriptions.end(viewLost(lost))
	}

	#end(): void {
		try {
			this.#guarded(() => this.#module.stopGlobalView?.(this.#view))
		} catch (error) {
			this.#logger.error(`'${this.#scope}': stopGlobalView threw`, { error })
		}
	}

	#put({ origin, data }: Contribution): void {
		this.#view = this.#guarded(() => {
			const update = this.#module.dataDiff(this.#module.initLocalData(), data)
			return this.#module.updateGlobalViewAndNotify(origin, update, new Map(), this.#view)
		})
	}

	#guarded<T>(call: () => T): T {
		const outer = this.#calling
		this.#calling = true
		try {
			return call()
		} finally {
			this.#calling = outer
		}
	}
}

const viewLost = (cause: unknown): RemoteTermError =>
	new RemoteTermError(
		'SUBSCRIPTION_LOST',
		`A callback of the module threw, and notifications were lost with it (${messageOf(cause)}); subscribe again for a fresh snapshot`,
		{ cause },
	)
