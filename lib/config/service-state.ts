import { RemoteTermError, type ErrorIssue } from '../core/errors.ts'
import type {
	ConfigChange,
	ConfigItem,
	ItemRef,
	ListedItem,
	Lookup,
	PullTarget,
	ServiceCommit,
	ServiceRecord,
} from './config-db.ts'
import { compareItemVersions, isItemVersion, LOWEST_VERSION } from './item-version.ts'
import { isName, NAME_EXPECTED } from './names.ts'
import { plainCopy, samePlain, type PlainLimits } from './plain-data.ts'

/** An operator's word on one item: `[requestType, version, disabled]`. It stays while the item is away. */
export type Flag = readonly [requestType: string, version: string, disabled: boolean]

/** What there is to be stored of one service. All else follows from it. */
export interface StoredService<Item extends ConfigItem, Pull extends PullTarget> {
	readonly record: ServiceRecord<Pull>
	readonly items: readonly Item[]
	readonly flags: readonly Flag[]
}

const NOT_FOUND = Object.freeze({ status: 'not_found' })
const DISABLED = Object.freeze({ status: 'disabled' })

/** Flags of items that have vanished are forgotten beyond this many per service, the oldest first. */
const MAX_FLAGS = 10_000

/** A record is small; this is what keeps a hand-made one from being large. */
const RECORD_LIMITS: PlainLimits = { maxDepth: 16, maxBytes: 2 ** 20 }
const ITEM_LIMITS: PlainLimits = { maxDepth: 64, maxBytes: 64 * 2 ** 20 }

interface Versions<Item> {
	readonly byVersion: Map<string, Lookup<Item>>
	latest: Lookup<Item>
}

/**
 * One service at one moment: frozen, indexed for reading, and answering each read with an object that is there already.
 */
export class ServiceState<Item extends ConfigItem, Pull extends PullTarget = PullTarget> {
	readonly record: ServiceRecord<Pull>
	/** By request type, then by version, the lowest first. */
	readonly items: ReadonlyArray<ListedItem<Item>>
	readonly flags: readonly Flag[]
	readonly #types = new Map<string, Versions<Item>>()

	constructor({ record, items, flags }: StoredService<Item, Pull>) {
		this.record = frozen(record, RECORD_LIMITS, 'The record')
		this.flags = Object.freeze(flags.map(flag => Object.freeze([...flag] as const)))
		const flagged = new Map(this.flags.map(([type, version, disabled]) => [keyOf(type, version), disabled]))
		this.items = Object.freeze(
			items
				.map(item => frozen(item, ITEM_LIMITS, `Item ${item.requestType} ${item.version}`))
				.sort(byTypeAndVersion)
				.map(item => {
					const disabled = flagged.get(keyOf(item.requestType, item.version)) ?? item.disabled === true
					return Object.freeze({ item, disabled })
				}),
		)
		for (const { item, disabled } of this.items) {
			let versions = this.#types.get(item.requestType)
			if (versions === undefined) {
				versions = { byVersion: new Map(), latest: DISABLED }
				this.#types.set(item.requestType, versions)
			}
			const lookup: Lookup<Item> = disabled ? DISABLED : Object.freeze({ status: 'found', item })
			versions.byVersion.set(item.version, lookup)
			// They come in ascending order.
			if (!disabled) versions.latest = lookup
		}
	}

	get(requestType: string, version = LOWEST_VERSION): Lookup<Item> {
		return this.#types.get(requestType)?.byVersion.get(version) ?? NOT_FOUND
	}

	getLatest(requestType: string): Lookup<Item> {
		return this.#types.get(requestType)?.latest ?? NOT_FOUND
	}

	/** As it is to be stored. */
	get stored(): StoredService<Item, Pull> {
		return { record: this.record, items: this.items.map(({ item }) => item), flags: this.flags }
	}
}

/** A state and how it came about. */
export interface Step<Item extends ConfigItem, Pull extends PullTarget> {
	readonly state: ServiceState<Item, Pull> | undefined
	readonly change: ConfigChange<Pull>
}

/**
 * The state after a commit. Pure: whoever asks decides when it becomes true.
 *
 * @param revision of the new state
 * @param now milliseconds since the Unix epoch
 * @throws `CONFLICT`, `VALIDATION_FAILED`
 */
export const committed = <Item extends ConfigItem, Pull extends PullTarget>(
	current: ServiceState<Item, Pull> | undefined,
	commit: ServiceCommit<Item, Pull>,
	revision: number,
	now: number,
): { readonly state: ServiceState<Item, Pull>; readonly change: ConfigChange<Pull> } => {
	const { service, configVersion, source, nodes, pull, publishedAt, items, expectedRevision } = commit
	const found = current?.record.revision ?? 0
	if (found !== expectedRevision) {
		throw new RemoteTermError(
			'CONFLICT',
			`Service ${service} has changed meanwhile: expected revision ${expectedRevision}, found ${found}`,
		)
	}
	checkItems(service, items)
	const pulledVersion = source === 'pull' ? configVersion : current?.record.pulledVersion
	const record: ServiceRecord<Pull> = {
		...{ service, configVersion, revision, source, committedAt: now, nodes },
		...(pull !== undefined && { pull }),
		...(publishedAt !== undefined && { publishedAt }),
		...(pulledVersion !== undefined && { pulledVersion }),
	}
	const state = new ServiceState<Item, Pull>({ record, items, flags: keptFlags(current, items) })
	return { state, change: changeOf('committed', current, state) }
}

/**
 * The state after an operator's word. `disable` is kept, also of an item that wishes the same: its next version may wish
 * otherwise. `enable` takes it back, and is kept where it outweighs what the item itself wishes.
 */
export const flagged = <Item extends ConfigItem, Pull extends PullTarget>(
	current: ServiceState<Item, Pull> | undefined,
	{ requestType, version }: ItemRef,
	disabled: boolean,
): Step<Item, Pull> | 'unchanged' | 'not_found' => {
	const listed = current?.items.find(
		({ item }) => item.requestType === requestType && item.version === version,
	)
	if (current === undefined || listed === undefined) return 'not_found'
	const { record, items, flags } = current.stored
	const isOfItem = (flag: Flag): boolean => flag[0] === requestType && flag[1] === version
	const said = flags.find(isOfItem)?.[2]
	if (said === disabled || (!disabled && !listed.disabled)) return 'unchanged'
	const others = flags.filter(flag => !isOfItem(flag))
	const needed = disabled || listed.item.disabled === true
	const state = new ServiceState<Item, Pull>({
		record: { ...record, revision: record.revision + 1 },
		items,
		flags: needed ? [...others, [requestType, version, disabled]] : others,
	})
	return { state, change: changeOf(disabled ? 'disabled' : 'enabled', current, state) }
}

/** What differs between two states of a service, of which one may be absent. */
export const changeOf = <Item extends ConfigItem, Pull extends PullTarget>(
	kind: ConfigChange['kind'],
	before: ServiceState<Item, Pull> | undefined,
	after: ServiceState<Item, Pull> | undefined,
	revision: number = after?.record.revision ?? (before?.record.revision ?? 0) + 1,
): ConfigChange<Pull> => {
	const old = new Map(
		before?.items.map(listed => [keyOf(listed.item.requestType, listed.item.version), listed]),
	)
	const added: ItemRef[] = []
	const changed: ItemRef[] = []
	for (const { item, disabled } of after?.items ?? []) {
		const key = keyOf(item.requestType, item.version)
		const was = old.get(key)
		old.delete(key)
		if (was === undefined) added.push(refOf(item))
		else if (was.disabled !== disabled || !samePlain(was.item, item)) changed.push(refOf(item))
	}
	return Object.freeze({
		kind,
		service: (after ?? before)?.record.service ?? '',
		revision,
		added: Object.freeze(added),
		changed: Object.freeze(changed),
		removed: Object.freeze([...old.values()].map(({ item }) => refOf(item))),
		...(after !== undefined && { record: after.record }),
	})
}

const refOf = ({ requestType, version }: ItemRef): ItemRef => Object.freeze({ requestType, version })

/** Neither a name nor a version has a space. */
const keyOf = (requestType: string, version: string): string => `${requestType} ${version}`

const byTypeAndVersion = (a: ConfigItem, b: ConfigItem): number => {
	if (a.requestType !== b.requestType) return a.requestType < b.requestType ? -1 : 1
	return compareItemVersions(a.version, b.version)
}

const frozen = <Value>(value: Value, limits: PlainLimits, subject: string): Value => {
	const result = plainCopy(value, limits)
	if ('copy' in result) return result.copy
	throw new RemoteTermError('VALIDATION_FAILED', `${subject} ${result.issue.message}`, {
		issues: [result.issue],
	})
}

/** The last line of defence: who gets this far has validated already, and a database must not hold what it cannot serve. */
const checkItems = (service: string, items: readonly ConfigItem[]): void => {
	const issues: ErrorIssue[] = []
	const refuse = (path: ErrorIssue['path'], message: string): void => void issues.push({ path, message })
	if (!isName(service)) refuse(['service'], `expected ${NAME_EXPECTED}`)
	const seen = new Set<string>()
	for (const [index, item] of items.entries()) {
		if (item.service !== service) refuse(['items', index, 'service'], `expected ${service}`)
		if (!isName(item.requestType)) refuse(['items', index, 'requestType'], `expected ${NAME_EXPECTED}`)
		if (!isItemVersion(item.version)) refuse(['items', index, 'version'], 'expected a semantic version')
		const key = keyOf(item.requestType, item.version)
		if (seen.has(key)) refuse(['items', index], `is there twice: ${key}`)
		seen.add(key)
	}
	if (issues.length === 0) return
	const [first] = issues
	throw new RemoteTermError(
		'VALIDATION_FAILED',
		`Cannot store these items: /${first?.path.join('/')}: ${first?.message}`,
		{ issues: issues.slice(0, 100) },
	)
}

/** All flags stay, those of items that are away too, as they may come back. */
const keptFlags = (
	current: ServiceState<ConfigItem> | undefined,
	items: readonly ConfigItem[],
): readonly Flag[] => {
	const flags = current?.flags ?? []
	let excess = flags.length - MAX_FLAGS
	if (excess <= 0) return flags
	const present = new Set(items.map(({ requestType, version }) => keyOf(requestType, version)))
	return flags.filter(([requestType, version]) => present.has(keyOf(requestType, version)) || excess-- <= 0)
}
