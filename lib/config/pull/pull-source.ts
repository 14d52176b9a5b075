import { collect } from '../../core/bytes.ts'
import { reasonOf, type Clock } from '../../core/clock.ts'
import { asRemoteTermError, RemoteTermError } from '../../core/errors.ts'
import {
	isNotModified,
	isValue,
	type Download,
	type FetchContext,
	type Fetcher,
	type NotModified,
	type Version,
} from '../../core/fetcher.ts'
import type { ServiceRecord } from '../config-db.ts'
import { NodeOrder } from './node-order.ts'
import { PullLimit } from './pull-limit.ts'
import type { LateFetcher, PullNode } from './pull-nodes.ts'
import { documentOf, versionOf, type PulledDocument } from './pulled-document.ts'
import type { Turns } from './turns.ts'

export interface PullSourceOptions {
	readonly service: string
	/** In the order in which they are asked. */
	readonly nodes: readonly PullNode[]
	readonly clock: Clock
	readonly turns: Turns
	/** Milliseconds for one pull, from its turn on. */
	readonly timeout: number
	/** Milliseconds for which a node that failed is asked after the others. */
	readonly recoverAfter: number
	/** What is stored for this service. */
	readonly stored: () => Pick<ServiceRecord, 'configVersion' | 'pulledVersion'> | undefined
	/** What is stored has just come: nobody need be asked the first time. */
	readonly fresh: boolean
	/** It is this pull's turn, and nodes will be asked. */
	readonly onBegin: () => void
}

const LONGEST_VERSION_ANSWER = 4096
/** Of the nodes that failed, in an error. A service may have a thousand. */
const NODES_SHOWN = 8

/** A version of the service's own, by its version target; told apart from those by which nodes call their answers. */
export const checkedMark = (version: string): Version => `v:${version}`
export const checkedOf = (mark: Version | undefined): string | undefined =>
	mark?.startsWith('v:') ? mark.slice(2) : undefined
const nodeMark = (node: number, version: Version): Version => `n:${node}|${version}`
/** The version of a node's answer as the node wrote it. */
export const unmarked = (mark: Version): string => /^n:\d+\|([\s\S]*)$/.exec(mark)?.[1] ?? mark

/**
 * One service's nodes as one source: first the version, if it can be asked for; if that is the stored one there is
 * nothing to pull. Otherwise the document. Both of the nodes in their order, until one answers; one that has just failed
 * is asked after the others. A version that nobody tells keeps nobody from pulling.
 */
export class PullSource implements Fetcher {
	/** The stored version does not count until this has been pulled. */
	forced = false
	/** What the version target has said in this pull. */
	told: string | undefined
	/** When the answer of this pull was published, where its node has said so. */
	publishedAt: number | undefined
	readonly #options: PullSourceOptions
	readonly #order: NodeOrder
	#fresh: boolean
	#turn: Disposable | undefined
	#limit: PullLimit | undefined
	#answered: number | undefined
	/** What the version target says, and the document does not. */
	#doubted: string | undefined

	constructor(options: PullSourceOptions) {
		const { nodes, clock, recoverAfter } = options
		this.#options = options
		this.#order = new NodeOrder(nodes.length, clock, recoverAfter)
		this.#fresh = options.fresh
	}

	/** Who answered last, and whether in place of a node that is preferred to it. */
	get answeredBy(): { readonly label: string; readonly standsIn: boolean } | undefined {
		if (this.#answered === undefined) return undefined
		return { label: this.#options.nodes[this.#answered]!.label, standsIn: this.#answered > 0 }
	}

	async init(): Promise<void> {}

	async currentVersion(context: FetchContext): Promise<Version> {
		return this.#ofNodes(context, undefined, async (node, inner) => {
			const fetcher = await node.document.open(inner)
			return fetcher.currentVersion(inner)
		})
	}

	async download(context: FetchContext): Promise<Download> {
		return (await this.downloadIfChanged(undefined, context)) as Download
	}

	async downloadIfChanged(
		known: Version | undefined,
		context: FetchContext,
	): Promise<Download | NotModified> {
		const { clock, onBegin, service, stored, timeout, turns } = this.#options
		const fresh = this.#fresh
		this.#fresh = false
		this.#answered = this.told = this.publishedAt = undefined
		const held = stored()
		if (fresh && held !== undefined) return stillStored(held.configVersion)
		const turn = await turns.take(context.signal)
		this.over()
		this.#turn = turn
		if (context.signal.aborted) {
			this.over()
			throw reasonOf(context.signal)
		}
		onBegin()
		const limit = new PullLimit(clock, service, timeout, context.signal)
		this.#limit = limit
		const within = { ...context, signal: limit.signal }
		const version = await this.#check(within, limit)
		this.told = version
		const isDoubted = version !== undefined && version === this.#doubted
		if (version !== undefined && !this.forced) {
			if (known === checkedMark(version) && !isDoubted) return { notModified: true }
			const { configVersion, pulledVersion } = stored() ?? {}
			if (version === configVersion || (version === pulledVersion && !isDoubted)) return stillStored(version)
		}
		return this.#ofNodes(within, limit, async (node, inner, index) => {
			const fetcher = await node.document.open(inner)
			const answer = await ask(fetcher, knownTo(index, known), inner)
			this.#answered = index
			this.publishedAt = answer.publishedAt
			if (isNotModified(answer)) return answer
			const mark =
				version !== undefined && !isDoubted
					? checkedMark(version)
					: answer.version === undefined
						? undefined
						: nodeMark(index, answer.version)
			if (isValue(answer)) return { ...answer, value: documentOf(answer.value), version: mark! }
			return { ...answer, version: mark }
		})
	}

	/**
	 * The document says that it is another version than the one that was told, so that one has not been seen yet, and the
	 * document is asked for until it is it: by a conditional request, where the node knows of those.
	 */
	doubt(): void {
		this.#doubted = this.told
	}

	/** What the node that answered last sent is no document. Whether there is another one to be asked at once. */
	turnAway(): boolean {
		if (this.#answered === undefined) return false
		this.#order.failed(this.#answered, { inRound: true })
		this.#answered = undefined
		return this.#order.hasWell
	}

	/** Whatever is asked from now on is asked by the schedule, or by hand, and not because a node was turned away. */
	beginRound(): void {
		this.#order.beginRound()
	}

	/** The pull is over, one way or another: it is somebody else's turn. */
	over(): void {
		this.#limit?.[Symbol.dispose]()
		this.#turn?.[Symbol.dispose]()
		this.#limit = this.#turn = undefined
	}

	async close(): Promise<void> {
		this.over()
		const late = this.#options.nodes.flatMap(({ document, version }): LateFetcher[] =>
			version === undefined ? [document] : [document, version],
		)
		await Promise.allSettled(late.map(fetcher => fetcher.close()))
	}

	/** The version by itself; `undefined` where it is not asked for, and where nobody tells it. */
	async #check(context: FetchContext, limit: PullLimit): Promise<string | undefined> {
		const { nodes, service } = this.#options
		if (nodes.every(({ version }) => version === undefined)) return undefined
		try {
			return await this.#ofNodes(
				context,
				limit,
				async (node, inner) => {
					const fetcher = await node.version!.open(inner)
					return readVersion(await fetcher.download(inner))
				},
				'version',
			)
		} catch (error) {
			if (context.signal.aborted) throw reasonOf(context.signal)
			context.logger.debug(`No node of ${service} tells its version, so all of it is pulled`, { error })
			return undefined
		}
	}

	/** Asks the nodes in their order, each within its share of the time, until one answers. */
	async #ofNodes<T>(
		context: FetchContext,
		limit: PullLimit | undefined,
		run: (node: PullNode, inner: FetchContext, index: number) => Promise<T>,
		what: 'document' | 'version' = 'document',
	): Promise<T> {
		const { nodes, service } = this.#options
		const order = this.#order.places.filter(index => nodes[index]![what] !== undefined)
		const errors = new Map<PullNode, RemoteTermError>()
		for (const [place, index] of order.entries()) {
			const node = nodes[index]!
			const left = order.length - place + (what === 'version' ? nodes.length : 0)
			try {
				const result =
					limit === undefined
						? await run(node, context, index)
						: await limit.attempt(left, node.label, signal => run(node, { ...context, signal }, index))
				if (what === 'document') this.#order.succeeded(index)
				return result
			} catch (error) {
				if (context.signal.aborted) throw reasonOf(context.signal)
				errors.set(
					node,
					asRemoteTermError(error, 'FETCH_FAILED', message => `Cannot pull ${service}: ${message}`),
				)
				this.#order.failed(index, { inRound: what === 'document' })
			}
		}
		throw allFailed(service, errors)
	}
}

/** What is stored is what the service has: nothing to deserialize, and nothing to hand to the receiver. */
const stillStored = (version: string): Download => {
	const value: PulledDocument = { configVersion: version, items: undefined }
	return { value, version: checkedMark(version) }
}

/** What this node called its last answer, if that is what the term knows. */
const knownTo = (index: number, known: Version | undefined): Version | undefined =>
	known?.startsWith(`n:${index}|`) ? unmarked(known) : undefined

const ask = async (
	fetcher: Fetcher,
	known: Version | undefined,
	context: FetchContext,
): Promise<Download | NotModified> => {
	if (fetcher.downloadIfChanged !== undefined) return fetcher.downloadIfChanged(known, context)
	if (known !== undefined && (await fetcher.currentVersion(context)) === known) return { notModified: true }
	return fetcher.download(context)
}

const readVersion = async (answer: Download): Promise<string> => {
	if (isValue(answer)) return versionOf(JSON.stringify(answer.value))
	const { body, encoding, size = 0 } = answer
	if (encoding !== undefined || size > LONGEST_VERSION_ANSWER) {
		await answer.cancel?.()
		const found = encoding === undefined ? `${size} bytes` : encoding
		throw new RemoteTermError(
			'DESERIALIZE_FAILED',
			`Expected a version as a line of plain text, got ${found}`,
		)
	}
	const bytes = body instanceof Uint8Array ? body : await collect(atMost(LONGEST_VERSION_ANSWER, body))
	return versionOf(new TextDecoder().decode(bytes))
}

async function* atMost(limit: number, body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
	let received = 0
	for await (const chunk of body) {
		received += chunk.length
		if (received > limit)
			throw new RemoteTermError('TOO_LARGE', `Expected a version, got more than ${limit} bytes`)
		yield chunk
	}
}

const allFailed = (service: string, failures: ReadonlyMap<PullNode, RemoteTermError>): RemoteTermError => {
	const errors = [...failures.values()]
	const [first] = errors
	if (first === undefined)
		return new RemoteTermError('FETCH_NOT_FOUND', `Expected ${service} to have a node that can be asked`)
	if (errors.length === 1) return first
	const shown = [...failures]
		.slice(0, NODES_SHOWN)
		.map(([{ label }, { code, message }]) => `${label}: ${code} (${message})`)
		.join('; ')
	const more = errors.length - NODES_SHOWN
	const list = more > 0 ? `${shown}; and ${more} more` : shown
	const waits = errors.flatMap(({ retryAfter }) => (retryAfter === undefined ? [] : [retryAfter]))
	return new RemoteTermError(first.code, `No node of ${service} answered: ${list}`, {
		status: first.status,
		// As long as one of them does not ask us to wait, there is no reason to.
		retryAfter: waits.length === errors.length ? Math.min(...waits) : undefined,
		cause: new AggregateError(errors.slice(0, NODES_SHOWN), list),
	})
}
