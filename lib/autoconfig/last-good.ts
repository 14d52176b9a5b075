import { createHash } from 'node:crypto'
import type { Clock } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { nonEmptyString, notNegative, onlyKnownOptions, positiveInteger } from '../core/options.ts'
import { parseJson } from '../codecs/json.ts'
import { openSnapshots } from '#last-known-good'
import { readNewest } from '../last-known-good/newest.ts'
import { Saving } from '../last-known-good/saving.ts'
import type { Snapshot, SnapshotStore } from '../last-known-good/store.ts'
import type { SavedItem } from './configuration.ts'
import { readKey, seal, unseal } from './last-good-cipher.ts'
import { pause, Slices } from './slices.ts'

export interface LastGoodOptions {
	/** Created, with its parents, by the first save, readable for nobody else. */
	readonly directory: string
	/** What tells this stream from others in the same directory. Default: the stream's URL, without secrets. */
	readonly name?: string | undefined
	/**
	 * Encrypts the files with AES-256-GCM: 32 bytes, or a string of them in hexadecimal or base64. A configuration may
	 * hold keys, and a disk may be read by others. With a key, a file that is not encrypted is not used.
	 */
	readonly key?: Uint8Array | string | undefined
	/** How long changes are gathered before they are saved, in milliseconds; default 1 s. */
	readonly saveDelay?: number | undefined
	/** Neither saved nor read if it is larger. In bytes; default 256 MiB. */
	readonly maxBytes?: number | undefined
}

const PLAIN = 'stream'
const SEALED = 'stream-sealed'

/** Lines that are gathered into one piece. */
const PIECE = 256 * 1024
const LF = 0x0a

/**
 * The last good configuration on disk. It is lines of JSON, each an item as the source described it, so that it is parsed
 * and validated again when it is read; `lib/last-known-good` makes it durable, atomic and checked.
 *
 * Nothing that goes wrong here is more than a warning. What cannot be read is not an empty configuration: it is none.
 */
export class LastGood {
	readonly #store: SnapshotStore
	readonly #name: string
	readonly #key: Uint8Array | undefined
	readonly #saving: Saving
	readonly #clock: Clock
	readonly #logger: Logger
	readonly #closing = new AbortController()
	readonly #all: () => Iterable<SavedItem>
	#loading: Promise<readonly SavedItem[] | undefined> | undefined

	constructor(
		options: LastGoodOptions,
		defaultName: string,
		all: () => Iterable<SavedItem>,
		clock: Clock,
		logger: Logger,
	) {
		onlyKnownOptions('lastGood', options, ['directory', 'name', 'key', 'saveDelay', 'maxBytes'])
		this.#name = nonEmptyString('lastGood.name', options.name ?? defaultName)
		this.#key = options.key === undefined ? undefined : readKey(options.key)
		const subject = `The last good configuration of ${this.#name}`
		this.#saving = new Saving({
			clock,
			delay: notNegative('lastGood.saveDelay', options.saveDelay ?? 1_000),
			save: signal => this.#save(signal),
			failed: error => this.#warn('save', error),
			recovered: () => logger.info(`${subject} is saved again`),
		})
		this.#store = openSnapshots({
			directory: nonEmptyString('lastGood.directory', options.directory),
			name: this.#name,
			keep: 2,
			maxBytes: positiveInteger('lastGood.maxBytes', options.maxBytes ?? 256 * 1024 * 1024),
			clock,
			logger,
		})
		this.#all = all
		this.#clock = clock
		this.#logger = logger
	}

	/** The newest one that can be read; read once. `undefined`: there is none, none that can be read, or it was released. */
	load(): Promise<readonly SavedItem[] | undefined> {
		return (this.#loading ??= readNewest(
			this.#store,
			this.#closing.signal,
			snapshot => this.#read(snapshot),
			(file, error) => this.#warn(`read ${file} of`, error),
		).catch((error: unknown) => {
			this.#warn('read', error)
			return undefined
		}))
	}

	/** What was read is not needed any more, and need not be held. */
	release(): void {
		this.#loading = Promise.resolve(undefined)
	}

	/** Something has changed: it is saved soon. */
	changed(): void {
		this.#saving.changed()
	}

	/** Saves what has not been saved yet, within a limit. */
	async close(): Promise<void> {
		this.#closing.abort()
		await this.#saving.close()
	}

	async #read({ kind, body }: Snapshot): Promise<readonly SavedItem[]> {
		if (this.#key === undefined && kind === SEALED) throw new Error('it is encrypted, and there is no key')
		if (this.#key !== undefined && kind !== SEALED) throw new Error('it is not encrypted, and there is a key')
		if (kind !== SEALED && kind !== PLAIN) throw new Error(`it is of the kind ${kind}`)
		const bytes = Buffer.from(this.#key === undefined ? body : await unseal(this.#key, this.#purpose, body))
		const slices = new Slices(this.#clock)
		const items: SavedItem[] = []
		for (let at = 0; at < bytes.length;) {
			const end = bytes.indexOf(LF, at)
			if (end < 0) throw new Error('it ends within a line')
			items.push(itemOf(parseJson(bytes.toString('utf8', at, end))))
			at = end + 1
			const turn = slices.next()
			if (turn !== undefined) await turn
		}
		return items
	}

	async #save(signal: AbortSignal): Promise<void> {
		const plain = await this.#encode()
		const body = this.#key === undefined ? plain : await seal(this.#key, this.#purpose, plain)
		const digest = await digestOf(body)
		const kind = this.#key === undefined ? PLAIN : SEALED
		await this.#store.save({ version: digest, digest, kind, acceptedAt: this.#clock.now(), body }, { signal })
	}

	/** It takes several turns. What changes meanwhile makes the configuration dirty again, and is in the next save. */
	async #encode(): Promise<Uint8Array[]> {
		const slices = new Slices(this.#clock)
		const pieces: Uint8Array[] = []
		let text = ''
		for (const item of this.#all()) {
			text += `${JSON.stringify(item)}\n`
			if (text.length >= PIECE) {
				pieces.push(Buffer.from(text))
				text = ''
			}
			const turn = slices.next()
			if (turn !== undefined) await turn
		}
		pieces.push(Buffer.from(text))
		return pieces
	}

	get #purpose(): string {
		return `remote-term stream 1\n${this.#name}`
	}

	#warn(act: string, error: unknown): void {
		if (this.#closing.signal.aborted && act === 'read') return
		this.#logger.warn(`Cannot ${act} the last good configuration of ${this.#name}: ${messageOf(error)}`, {
			error,
		})
	}
}

const itemOf = (line: unknown): SavedItem => {
	if (Array.isArray(line) && line.length === 3) {
		const [collection, id, raw] = line as [unknown, unknown, unknown]
		if (typeof collection === 'string' && typeof id === 'string') return [collection, id, raw]
	}
	throw new Error('a line of it is no item')
}

const digestOf = async (pieces: readonly Uint8Array[]): Promise<string> => {
	const hash = createHash('sha256')
	for (const piece of pieces) {
		hash.update(piece)
		await pause()
	}
	return `sha256:${hash.digest('hex')}`
}
