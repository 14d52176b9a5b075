import type { Peer } from '../core/transport.ts'
import { leftBy } from './directive.ts'
import type { Publications } from './publications.ts'
import type { Registry } from './registry.ts'
import { readRowKey, rowKey, RUN_KINDS, type Reason, type RunKind, type RunState } from './rows.ts'

/** Something that a node runs, and how it is there. */
export interface FleetRun extends RunState {
	readonly node: string
	readonly boot: string
	readonly kind: RunKind
	readonly name: string
}

export interface FleetNode {
	readonly name: string
	readonly boot: string
	readonly isSelf: boolean
	/** By its own clock, in milliseconds since the Unix epoch; `undefined` as long as it has said nothing. */
	readonly startedAt: number | undefined
	readonly runs: readonly FleetRun[]
}

/** A term, over all nodes that run it. */
export interface FleetTermSummary {
	readonly kind: RunKind
	readonly name: string
	readonly nodes: number
	/** How many of them are `ready`. */
	readonly ready: number
	/** How many hold which version; the most frequent first. */
	readonly versions: ReadonlyArray<{ readonly version: string | undefined; readonly nodes: number }>
	/** The version that the fleet is told to hold. */
	readonly pinned: string | undefined
}

/** A node that does not hold what it should. */
export interface Drift {
	readonly kind: RunKind
	readonly name: string
	readonly node: string
	readonly boot: string
	readonly version: string | undefined
	/** What it should hold: the pinned version, or the last published one that was not rolled back from. */
	readonly target: string
	/** By how many publications; negative where it is ahead of a pinned version. */
	readonly behind: number
	/** For how long already, in milliseconds: since the first node had the version after its own. */
	readonly forMs: number
	/** Why, where that node says so. */
	readonly reason: Reason | undefined
}

/** Everything that can be read of the fleet: computed when it is asked for, from what is known here. */
export class FleetView {
	readonly #self: Peer
	readonly #registry: Registry
	readonly #publications: Publications
	readonly #members: () => ReadonlyMap<string, Peer>
	readonly #now: () => number

	constructor(
		self: Peer,
		registry: Registry,
		publications: Publications,
		members: () => ReadonlyMap<string, Peer>,
		now: () => number,
	) {
		this.#self = self
		this.#registry = registry
		this.#publications = publications
		this.#members = members
		this.#now = now
	}

	nodes(): FleetNode[] {
		return [this.#self, ...this.#members().values()]
			.map(peer => {
				const record = this.#registry.get(peer.id)
				return {
					...{ name: peer.name, boot: peer.boot, isSelf: peer === this.#self },
					startedAt: record?.startedAt,
					runs:
						record === undefined ? [] : [...record.live()].flatMap(([key, state]) => runOf(peer, key, state)),
				}
			})
			.sort(byName)
	}

	whoRuns(name: string, kind: RunKind): FleetRun[] {
		const key = rowKey(kind, name)
		return [this.#self, ...this.#members().values()]
			.flatMap(peer => {
				const state = this.#registry.get(peer.id)?.get(key)
				return state === undefined ? [] : runOf(peer, key, state)
			})
			.sort((a, b) => (a.node < b.node ? -1 : 1))
	}

	terms(): FleetTermSummary[] {
		const all = new Map<string, FleetRun[]>()
		for (const run of this.nodes().flatMap(({ runs }) => runs)) {
			const key = rowKey(run.kind, run.name)
			const some = all.get(key)
			if (some === undefined) all.set(key, [run])
			else some.push(run)
		}
		return [...all.values()]
			.map(runs => {
				const { kind, name } = runs[0]!
				const versions = new Map<string | undefined, number>()
				for (const { version } of runs) versions.set(version, (versions.get(version) ?? 0) + 1)
				return {
					...{ kind, name, nodes: runs.length },
					ready: runs.filter(({ status }) => status === 'ready').length,
					versions: [...versions]
						.map(([version, nodes]) => ({ version, nodes }))
						.sort((a, b) => b.nodes - a.nodes),
					pinned: kind === 'term' ? this.pinOf(name) : undefined,
				}
			})
			.sort(byName)
	}

	/** The version that the fleet is told to hold. */
	pinOf(term: string): string | undefined {
		return this.#registry.directives.get(`pin/${term}`)?.version ?? undefined
	}

	drift(name?: string): Drift[] {
		const found: Drift[] = []
		const keys =
			name === undefined
				? this.terms().map(term => [term.kind, term.name] as const)
				: RUN_KINDS.map(kind => [kind, name] as const)
		for (const [kind, one] of keys) found.push(...this.#driftOf(kind, one))
		return found.sort((a, b) => Math.abs(b.behind) - Math.abs(a.behind) || b.forMs - a.forMs)
	}

	/** The version that nodes should hold; `undefined` as long as none has any. */
	targetOf(kind: RunKind, name: string): string | undefined {
		const pinned = kind === 'term' ? this.pinOf(name) : undefined
		if (pinned !== undefined) return pinned
		// It is obeyed for an hour; that nobody wanted these versions stays true.
		const rollback = kind === 'term' ? this.#registry.directives.get(`rollback/${name}`) : undefined
		const left = rollback === undefined ? new Set<string>() : leftBy(rollback)
		const order = this.#publications.of(rowKey(kind, name)).filter(([version]) => !left.has(version))
		return order.at(-1)?.[0]
	}

	#driftOf(kind: RunKind, name: string): Drift[] {
		const target = this.targetOf(kind, name)
		if (target === undefined) return []
		const order = this.#publications.of(rowKey(kind, name))
		const versions = order.map(([version]) => version)
		const now = this.#now()
		const targetAt = versions.includes(target) ? versions.indexOf(target) : versions.length
		return this.whoRuns(name, kind)
			.filter(({ version }) => version !== target)
			.map(run => {
				const { boot, error, node, refused, version } = run
				// Of a version that nobody remembers, or of none at all, everything was published after it.
				const at = version === undefined ? -1 : versions.indexOf(version)
				const next = order[at + 1]?.[1] ?? run.since ?? now
				const reason = error ?? refused ?? run.answers?.pin?.reason
				return {
					...{ kind, name, node, boot, version, target, behind: targetAt - at },
					forMs: Math.max(0, now - next),
					reason: reason && { code: reason.code, message: reason.message },
				}
			})
	}
}

const runOf = (peer: Peer, key: string, state: RunState): FleetRun[] => {
	const read = readRowKey(key)
	return read === undefined ? [] : [{ node: peer.name, boot: peer.boot, ...read, ...state }]
}

const byName = (a: { readonly name: string }, b: { readonly name: string }): number =>
	a.name < b.name ? -1 : a.name > b.name ? 1 : 0
