import { json } from '../../lib/codecs/json.ts'
import type { RemoteTermOptions } from '../../lib/term/options.ts'
import type { PutInfo } from '../../lib/term/events.ts'
import { RemoteTerm } from '../../lib/term/remote-term.ts'
import { MAX_BYTES, MAX_INFLATED_BYTES } from './damage.ts'
import { isWhole, type Document } from './document.ts'
import type { Behaviour } from './faults.ts'

/** Where a term's own code throws. */
export type OwnTrouble = Extract<Behaviour, { act: 'throw' }>['in']

/** The term that is put to the test: of documents, which it checks as a careful user would. */
export class DocumentTerm extends RemoteTerm<Document> {
	trouble: OwnTrouble | undefined

	protected override deserialize(data: Uint8Array): Document {
		this.#throwIn('deserialize')
		return json<Document>(data)
	}

	protected override validate(document: Document): void {
		this.#throwIn('validate')
		if (!isWhole(document)) throw new Error('The document does not have its checksum')
	}

	protected override put(document: Document, info: PutInfo): void | Promise<void> {
		this.#throwIn('put')
		return super.put(document, info)
	}

	#throwIn(place: OwnTrouble): void {
		if (this.trouble === place) throw new Error(`This \`${place}\` always throws`)
	}
}

/** As much of a term as the harness touches, so that others can stand in for it. */
export type Subject = Pick<DocumentTerm, 'get' | 'on' | 'update' | 'stop' | 'health' | 'trouble'> & {
	/** Left out by those who cannot. */
	rollback?(): Promise<unknown>
	readonly version: string | undefined
	start(): Promise<unknown>
}

export type MakeTerm = (options: RemoteTermOptions<Document>) => Subject

export const makeTerm: MakeTerm = options => new DocumentTerm(options)

/** The settings that the laws and the faults reckon with. */
export const SETTINGS = {
	name: 'document',
	refreshInterval: 60_000,
	minRefreshInterval: 1_000,
	timeout: 30_000,
	startTimeout: 60_000,
	maxBytes: MAX_BYTES,
	maxInflatedBytes: MAX_INFLATED_BYTES,
	staleAfter: null,
	logger: false,
} as const satisfies Partial<RemoteTermOptions<Document>>
