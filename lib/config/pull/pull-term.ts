import { json } from '../../codecs/json.ts'
import { RemoteTermError } from '../../core/errors.ts'
import type { Version } from '../../core/fetcher.ts'
import type { PutInfo } from '../../term/events.ts'
import type { RemoteTermOptions } from '../../term/options.ts'
import { RemoteTerm } from '../../term/remote-term.ts'
import { checkedOf } from './pull-source.ts'
import { documentOf, type PulledDocument } from './pulled-document.ts'

export type HandOver = (document: PulledDocument, info: PutInfo) => Promise<void>

/**
 * A service's document as a term, with all that a term sees to: one timer, backoff, budgets, conditional requests, the
 * memory of what was refused. Its value lives in the database, so that is where `put` puts it, by way of the receiver:
 * what the receiver refuses is not in place, and its version not recorded.
 */
export class PullTerm extends RemoteTerm<PulledDocument> {
	readonly #handOver: HandOver

	constructor(options: RemoteTermOptions<PulledDocument>, handOver: HandOver) {
		super(options)
		this.#handOver = handOver
	}

	protected override deserialize(data: Uint8Array): PulledDocument {
		return documentOf(json(data))
	}

	/** Empty is not unknown, but it is not to be believed either: whoever wants a service gone deletes it. */
	protected override validate({ items }: PulledDocument): void {
		if (items?.length !== 0) return
		throw new RemoteTermError(
			'VALIDATION_FAILED',
			`Expected ${this.name} to have at least one item, got an empty list, which deletes nothing`,
			{ issues: [{ path: ['items'], message: 'Expected at least one item' }] },
		)
	}

	/** A bare array keeps its bytes when its version target tells a new version, which is what is to be stored. */
	protected override putsAgain(version: Version): boolean {
		return checkedOf(version) !== undefined
	}

	protected override put(document: PulledDocument, info: PutInfo): Promise<void> {
		return this.#handOver(document, info)
	}
}
