import { z } from 'zod'

/** What the fleet may be told to do with a term. */
export const DIRECTIVE_KINDS = ['refresh', 'pin', 'rollback'] as const
export type DirectiveKind = (typeof DIRECTIVE_KINDS)[number]

/** Of versions, as they travel. What is longer is no version that anybody compares by eye, or pins. */
export const MAX_VERSION = 1_024
/** Of a reason, which is for people. */
export const MAX_REASON = 300
/** How many versions before the one in place a row remembers. */
export const MAX_PAST = 3

const name = z.string().min(1).max(256)
const version = z.string().max(MAX_VERSION)
const moment = z.number()
const count = z.number().int().nonnegative()

/** Why something is not as it should be: one of our codes, and a message for people. */
const reason = z.object({ code: z.string().max(64), message: z.string().max(MAX_REASON) })
export type Reason = Readonly<z.infer<typeof reason>>

/**
 * How a node has answered the latest directive of a kind, in the manner of xDS: applied, or refused with the reason.
 * `epoch` and `author` say which directive that was.
 */
const answer = z.object({
	epoch: count,
	author: name,
	outcome: z.enum(['applied', 'refused']),
	/** In place afterwards. */
	version: version.optional(),
	reason: reason.optional(),
	at: moment,
})
export type Answer = Readonly<z.infer<typeof answer>>

const answers = z.object({ refresh: answer.optional(), pin: answer.optional(), rollback: answer.optional() })
export type Answers = Readonly<z.infer<typeof answers>>

/** What a node says of something that it runs. Dates are milliseconds since the Unix epoch, by that node's clock. */
const state = z.object({
	/** Of the value in place. */
	version: version.optional(),
	/** Since when it is that version. */
	since: moment.optional(),
	/** Of a term, one of `TermStatus`; of a service, `ready`. */
	status: z.string().max(32),
	/** Why it is not healthy. */
	error: reason.optional(),
	/** What the source holds and this node has not put in place, and why not. */
	refused: reason.extend({ version }).optional(),
	lastSuccessAt: moment.optional(),
	/** The only version that may be put in place there. */
	pinned: version.optional(),
	/** The versions before, each with when it was put in place, the latest first. */
	past: z
		.array(z.tuple([version, moment]))
		.max(MAX_PAST)
		.optional(),
	answers: answers.optional(),
})
export type RunState = Readonly<z.infer<typeof state>>

/** A term, or a service of a gateway. */
export const RUN_KINDS = ['term', 'service'] as const
export type RunKind = (typeof RUN_KINDS)[number]

export const rowKey = (kind: RunKind, called: string): string => `${kind}/${called}`

/** @returns `undefined` for what `rowKey` has not made. */
export const readRowKey = (key: string): { readonly kind: RunKind; readonly name: string } | undefined => {
	const at = key.indexOf('/')
	const kind = RUN_KINDS.find(one => one === key.slice(0, at))
	return kind && { kind, name: key.slice(at + 1) }
}

/** Of rows and directives, as they travel: a kind and a name. */
export const rowKeyName = z.string().max(300)

/** A row as it travels, with its place in the order of its owner's changes. Without a state: no longer there. */
export const row = z.object({ key: rowKeyName.min(1), seq: count, state: state.optional() })
export type Row = Readonly<z.infer<typeof row>>

export const rowName = name
export const rowCount = count
