import { z } from 'zod'
import { DIRECTIVE_KINDS, MAX_VERSION, rowCount, rowName, type Answer, type DirectiveKind } from './rows.ts'

/** How many rollbacks are remembered. */
export const MAX_LEFT = 8

/**
 * What the whole fleet is told to do with a term. One register for each kind and term: the latest directive replaces
 * the one before. Later is the higher `epoch`; of equal ones, that of the lexicographically lower author (SPEC §3.5).
 * An epoch is the author's time in milliseconds, or one more than that of the directive that it replaces, where that is
 * more (a hybrid logical clock): so it is higher too than that of one which its author has forgotten.
 */
export const directive = z.object({
	kind: z.enum(DIRECTIVE_KINDS),
	term: rowName,
	epoch: rowCount,
	/** `Peer.id` of whoever said it. */
	author: rowName,
	/** When, in milliseconds since the Unix epoch, by the author's clock. */
	at: z.number(),
	/** `pin`: the version, `null` to let go. `rollback`: the version to return from. */
	version: z.string().max(MAX_VERSION).nullish(),
	/** `rollback`: the versions that were returned from before, the latest first. Nobody is to hold these either. */
	left: z.array(z.string().max(MAX_VERSION)).max(MAX_LEFT).optional(),
	/** `refresh`: over how many milliseconds the nodes spread themselves. */
	window: z.number().nonnegative().optional(),
	/** For how long after `at` it is obeyed, in milliseconds. Without: until it is replaced. */
	lifetime: z.number().nonnegative().optional(),
})
export type Directive = Readonly<z.infer<typeof directive>>

/** Which directive an answer or a register is about. */
export type DirectiveStamp = Readonly<Pick<Directive, 'epoch' | 'author'>>

export const directiveKey = ({ kind, term }: { kind: DirectiveKind; term: string }): string =>
	`${kind}/${term}`

/** Positive where `a` is to replace `b`, 0 where they are the same. Total, so merges come out alike in any order. */
export const compareDirectives = (a: DirectiveStamp, b: DirectiveStamp): number =>
	a.epoch - b.epoch || (a.author < b.author ? 1 : a.author > b.author ? -1 : 0)

export const answersDirective = (answer: Answer | undefined, to: DirectiveStamp): boolean =>
	answer !== undefined && answer.epoch === to.epoch && answer.author === to.author

/** Until when it is to be obeyed. Clocks differ; so does, by as much, when nodes stop obeying it. */
export const endOf = ({ at, lifetime = Infinity }: Directive): number => at + lifetime

export const isLive = (directive: Directive, now: number): boolean => now <= endOf(directive)

/** The versions that a rollback wants nobody to hold. */
export const leftBy = ({ left = [], version }: Directive): Set<string> =>
	new Set(typeof version === 'string' ? [version, ...left] : left)
