import { gzipSync } from 'node:zlib'
import { makeDocument, type Document } from './document.ts'
import type { Random } from './random.ts'

/** One state of a source, as whoever published it knows it. */
export interface Edition {
	readonly document: Document
	/** As it travels: gzipped JSON. */
	readonly bytes: Buffer
	readonly etag: string
	/** Milliseconds since the Unix epoch, in whole seconds. */
	readonly publishedAt: number
}

export interface PublisherOptions {
	readonly random: Random
	/** How a document is written down. Default: as JSON. */
	readonly write?: (document: Document) => unknown
	readonly now?: () => number
}

/**
 * Publishes documents and remembers each one that was published whole and valid, in order: this log is the truth that
 * the laws hold a term against. Going back to an earlier document is a publication like any other.
 */
export class Publisher {
	readonly random: Random
	readonly #write: (document: Document) => unknown
	readonly #now: () => number
	readonly #log: Edition[] = []
	#serial = 0
	#latest = 0

	constructor({ random, write = document => document, now = () => Date.UTC(2026, 0, 1) }: PublisherOptions) {
		this.random = random
		this.#write = write
		this.#now = now
		this.publish()
	}

	get log(): readonly Edition[] {
		return this.#log
	}

	get newest(): Edition {
		return this.#log.at(-1)!
	}

	/** Now, by the clock of whoever publishes. */
	get now(): number {
		return this.#now()
	}

	/** @param under An ETag that is not its own: a lie. */
	publish(under?: string): Edition {
		const edition = this.#editionOf(makeDocument(++this.#serial, this.random))
		this.#log.push(under === undefined ? edition : { ...edition, etag: under })
		return this.newest
	}

	/** The document before the newest one is published again, as by an operator who takes the newest one back. */
	goBack(): Edition {
		const serial = this.newest.document.serial
		const earlier = this.#log.findLast(edition => edition.document.serial !== serial)
		if (earlier !== undefined) this.#log.push({ ...earlier, publishedAt: this.#seconds() })
		return this.newest
	}

	/** The newest document under a new name; nothing that a reader could notice. */
	rename(): Edition {
		this.#log.push({ ...this.newest, etag: `"renamed-${this.random.text(6)}"` })
		return this.newest
	}

	/** A document that is made, but never published, with a serial of its own. */
	unpublished(ballast = 0): Document {
		return makeDocument(++this.#serial, this.random, ballast)
	}

	/** As it is written down, before compression. */
	written(document: Document): Buffer {
		return Buffer.from(JSON.stringify(this.#write(document)))
	}

	#editionOf(document: Document): Edition {
		return {
			document,
			bytes: gzipSync(this.written(document), { level: 1 }),
			etag: `"${document.serial}-${document.checksum}"`,
			publishedAt: this.#seconds(),
		}
	}

	/** No two editions have the same date, since dates are what replicas are compared by. */
	#seconds(): number {
		const now = Math.floor(this.#now() / 1000) * 1000
		this.#latest = Math.max(now, this.#latest + 1000)
		return this.#latest
	}
}
