import type { FleetAnswer, FleetOperation, Hub, Settled } from '../hub/index.ts'
import { answerTimeout } from '../hub/operation.ts'
import { isFailureCode } from './exit-codes.ts'
import { CliError } from './failure.ts'
import { reasonText, shortVersion } from './fleet-text.ts'
import { DEFAULT_SCOPE, visitFleet, type FleetAddress } from './fleet-visit.ts'
import { write, type Io } from './io.ts'
import { formatDuration, oneLine } from './quantities.ts'

/** What the nodes that run a term are to do with it. */
export type FleetOrder =
	| { readonly kind: 'refresh'; readonly term: string; readonly window?: number | undefined }
	| { readonly kind: 'pin'; readonly term: string; readonly version: string }
	| { readonly kind: 'unpin'; readonly term: string }
	| { readonly kind: 'rollback'; readonly term: string; readonly from?: string | undefined }

export interface TellArguments extends FleetAddress {
	readonly json?: boolean | undefined
	/** How long answers are waited for, in milliseconds. */
	readonly timeout?: number | undefined
}

/** How many names stand in one line of an error. */
const NAMES_SHOWN = 8

/**
 * `remote-term fleet refresh`, `pin`, `unpin` and `rollback`: joins, says it, shows what each node answers, leaves.
 *
 * @throws `INVALID_OPTION`, `TRANSPORT_FAILED`; the code of the first refusal; `TIMEOUT` where somebody has not answered;
 * `CONFLICT` where somebody else has said something later
 */
export const tellFleet = (
	order: FleetOrder,
	{ json = false, timeout, ...address }: TellArguments,
	io: Io,
): Promise<void> =>
	visitFleet(address, io, async hub => {
		const { scope = DEFAULT_SCOPE } = address
		expectRunners(hub, order.term, scope)
		const operation = say(hub, order)
		const limit = timeout ?? answerTimeout(operation.directive)
		let lines = Promise.resolve()
		operation.onAnswer(answer => {
			if (!json) lines = lines.then(() => write(io.stdout, `${lineOf(answer)}\n`))
		})
		const settled = await operation.settled({ timeout: limit, signal: io.signal })
		await lines
		const version = operation.directive.version ?? undefined
		await write(
			io.stdout,
			json
				? `${JSON.stringify(documentOf(order, version, scope, settled))}\n`
				: summaryOf(order, version, settled),
		)
		expectApplied(settled, limit)
	})

const say = (hub: Hub, order: FleetOrder): FleetOperation => {
	switch (order.kind) {
		case 'refresh':
			return hub.refresh(order.term, { window: order.window })
		case 'pin':
			return hub.pin(order.term, order.version)
		case 'unpin':
			return hub.unpin(order.term)
		case 'rollback':
			return hub.rollback(order.term, { from: order.from })
	}
}

/** A name that is mistyped would be kept by the whole fleet for a term that may come. */
const expectRunners = (hub: Hub, term: string, scope: string): void => {
	const terms = hub.terms().filter(({ kind }) => kind === 'term')
	if (terms.some(({ name }) => name === term)) return
	const isService = hub.whoRuns(term, 'service').length > 0
	throw new CliError('INVALID_OPTION', `Expected a term that somebody in '${scope}' runs, got '${term}'`, {
		hint: isService
			? 'It is a service of a gateway, which takes what is pushed to it.'
			: terms.length === 0
				? 'Nobody there runs any: are --nats, --scope and --subject right?'
				: `There are ${some(terms.map(({ name }) => name))}.`,
	})
}

const expectApplied = ({ applied, refused, silent, superseded }: Settled, limit: number): void => {
	const all = applied.length + refused.length + silent.length
	if (superseded) throw new CliError('CONFLICT', 'Somebody has said something later of the same term')
	const [first] = refused
	if (first !== undefined) {
		const { code = 'CONFLICT', message = 'no reason was given' } = first.reason ?? {}
		throw new CliError(
			isFailureCode(code) ? code : 'CONFLICT',
			`${refused.length} of ${all} refused it: ${some(refused.map(({ node }) => node))}: ${message}`,
		)
	}
	if (silent.length > 0)
		throw new CliError(
			'TIMEOUT',
			`${silent.length} of ${all} did not answer within ${formatDuration(limit)}: ${some(silent)}`,
			{ hint: 'It stays said: they carry it out once it reaches them. --timeout sets the limit.' },
		)
}

const some = (names: readonly string[]): string => {
	const more = names.length - NAMES_SHOWN
	return `${names.slice(0, NAMES_SHOWN).join(', ')}${more > 0 ? `, and ${more} more` : ''}`
}

const lineOf = ({ node, outcome, reason, version }: FleetAnswer): string => {
	const why = reason === undefined ? '' : `  ${reasonText(reason)}`
	return `${oneLine(node)}  ${outcome}  ${shortVersion(version)}${why}`
}

const summaryOf = (
	{ kind, term }: FleetOrder,
	version: string | undefined,
	{ applied, refused, silent }: Settled,
): string => {
	const of = version === undefined ? '' : `${kind === 'rollback' ? ' from' : ''} ${shortVersion(version)}`
	return `${kind} ${oneLine(term)}${of}: ${applied.length} applied, ${refused.length} refused, ${silent.length} silent\n`
}

/** Fields that are always there, `null` where there is nothing to say. */
const documentOf = (
	{ kind, term }: FleetOrder,
	version: string | undefined,
	scope: string,
	{ applied, refused, silent, superseded }: Settled,
): unknown => ({
	...{ scope, kind, term, version: version ?? null },
	applied: applied.map(plain),
	refused: refused.map(plain),
	...{ silent, superseded },
})

const plain = ({ boot, node, reason, version }: FleetAnswer): unknown => ({
	...{ node, boot, version: version ?? null, reason: reason ?? null },
})
