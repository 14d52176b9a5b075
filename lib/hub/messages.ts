import { z } from 'zod'
import { PARTS } from './digest.ts'
import { directive } from './directive.ts'
import { row, rowCount, rowKeyName, rowName } from './rows.ts'

/** How many rows, stamps and directives one message carries at most: with their own limits, that bounds its bytes. */
export const MAX_ROWS = 256
export const MAX_STAMPS = 1_024
export const MAX_DIRECTIVES = 256

/** What is known of one node: which instance, which generation of its numbering, up to which of its changes. */
const stamp = z.tuple([rowName, rowCount, rowCount])
export type Stamp = readonly [id: string, generation: number, seq: number]

/**
 * The changes of one node with `from < seq ≤ to`. Applied only where everything up to `from` is known already, so that
 * what is known is always a state that the node was in. From 0, it is the whole state.
 */
const delta = z.object({
	id: rowName,
	generation: rowCount,
	/** When that instance started, by its own clock, in milliseconds since the Unix epoch. */
	startedAt: z.number(),
	from: rowCount,
	to: rowCount,
	rows: z.array(row).max(MAX_ROWS),
})
export type Delta = Readonly<z.infer<typeof delta>>

const deltas = z.array(delta).max(MAX_ROWS)
export const directives = z.array(directive).max(MAX_DIRECTIVES)
const stamps = z.array(stamp).max(MAX_STAMPS)
const keys = z.array(rowKeyName).max(MAX_STAMPS)
const part = rowCount.max(PARTS - 1)
const pair = z.tuple([z.number(), z.number()])

/** Changes, of whomever. */
export interface News {
	readonly deltas: readonly Delta[]
	readonly directives: ReadonlyArray<z.infer<typeof directive>>
}

/** What strategies of this library say to each other. All of them understand all of it, so that they can be mixed. */
export const hubMessage = z.discriminatedUnion('kind', [
	/** Changes, to be acknowledged. */
	z.object({ kind: z.literal('news'), ref: z.string().max(64), deltas, directives }),
	z.object({ kind: z.literal('ack'), ref: z.string().max(64) }),
	/** Changes, to be told on by whom they are news to. */
	z.object({ kind: z.literal('rumor'), deltas, directives }),
	/** Do you know what I know? With `round`: ask others the same. */
	z.object({ kind: z.literal('digest'), root: pair, round: z.string().max(64).optional() }),
	/** No: these are the digests of the parts. */
	z.object({ kind: z.literal('parts'), hashes: z.instanceof(Uint8Array) }),
	/** This is all that I know in these parts; without `parts`, in all of them. */
	z.object({
		kind: z.literal('summary'),
		parts: z.array(part).max(PARTS).optional(),
		stamps,
		directives: z.array(z.tuple([rowKeyName, rowCount, rowName])).max(MAX_STAMPS),
	}),
	/** What you lack, what I lack, and what else I have. */
	z.object({
		kind: z.literal('transfer'),
		deltas,
		directives,
		wants: stamps.optional(),
		wantedDirectives: keys.optional(),
		offers: stamps.optional(),
		/** There is more than a message holds. */
		more: z.literal(true).optional(),
	}),
])
export type HubMessage = Readonly<z.infer<typeof hubMessage>>
export type Said<Kind extends HubMessage['kind']> = Extract<HubMessage, { kind: Kind }>

/** @returns `undefined` for what is no message of ours: a newer version's, or somebody else's strategy's. */
export const readMessage = (data: unknown): HubMessage | undefined => hubMessage.safeParse(data).data

export const isNothing = ({ deltas: some, directives: told }: News): boolean =>
	some.length === 0 && told.length === 0
