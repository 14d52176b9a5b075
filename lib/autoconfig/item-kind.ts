import { asRemoteTermError } from '../core/errors.ts'
import { malformed } from './fields.ts'

/** One item as its source describes it, read and checked for its shape. */
export interface ParsedItem<Item> {
	readonly item: Item
	/** A safe integer. The higher one wins. */
	readonly version: number
	/** What the item says that its id is. Where it says another than the place it was found at, it is left alone. */
	readonly id?: string | undefined
}

/**
 * What a stream carries. `environments` is LaunchDarkly's; another program's rules, tenants or routes are another one.
 */
export interface ItemKind<Item> {
	/** The name in messages: `rules` for a `put` with `{ "rules": { <id>: … } }` and paths `/rules/<id>`. */
	readonly collection: string
	/**
	 * From the parsed JSON to an item. Whatever it throws says that the shape is wrong: the whole event is malformed,
	 * and the stream is begun anew.
	 */
	parse(raw: unknown, id: string): ParsedItem<Item>
	/**
	 * Whether an item of the right shape can be used. Anything but `true` (the reason, best) refuses this item only: its
	 * version is not recorded, and the item keeps its last good value.
	 */
	validate?(item: Item, id: string): true | string
}

/** The kind with one more opinion on what is valid. */
export const withValidation = <Item>(
	kind: ItemKind<Item>,
	validate: ((item: Item, id: string) => true | string) | undefined,
): ItemKind<Item> => ({
	collection: kind.collection,
	parse: (raw, id) => kind.parse(raw, id),
	validate(item, id) {
		const verdict = kind.validate?.(item, id) ?? true
		return verdict === true && validate !== undefined ? validate(item, id) : verdict
	},
})

/** A kind is the user's code, and throws what it likes. */
export const parseBy = (kind: ItemKind<unknown>, id: string, raw: unknown): ParsedItem<unknown> => {
	let parsed: ParsedItem<unknown>
	try {
		parsed = kind.parse(raw, id)
	} catch (error) {
		throw asRemoteTermError(error, 'DESERIALIZE_FAILED', message => `Malformed: ${message}`)
	}
	if (Number.isSafeInteger(parsed.version)) return parsed
	throw malformed(`expected the version of /${kind.collection}/${id} to be an integer`)
}
