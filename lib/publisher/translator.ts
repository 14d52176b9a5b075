import type { Logger } from '../core/logger.ts'
import { PlainMessages, type ModuleVersion, type PublisherModule } from './module.ts'
import { pack, unpack } from './packing.ts'

type AnyModule = PublisherModule<unknown, never, never, never, unknown, ModuleVersion, never>

/** What we send, as peers of any version understand it. Full data is encoded once for all who ask at one moment. */
export class Translator {
	readonly #module: Pick<AnyModule, 'translateLocalData'> & {
		translateUpdate?(mine: ModuleVersion, theirs: ModuleVersion, update: unknown): unknown
	}
	readonly #mine: ModuleVersion
	readonly #scope: string
	readonly #logger: Logger
	readonly #encoded = new Map<ModuleVersion, Uint8Array | PlainMessages>()
	#encodedAt = -1

	constructor(module: AnyModule, mine: ModuleVersion, scope: string, logger: Logger) {
		this.#module = module
		this.#mine = mine
		this.#scope = scope
		this.#logger = logger
	}

	/** `undefined` where the module threw: send full data instead. */
	updates(
		theirs: ModuleVersion,
		updates: readonly Uint8Array[],
	): ReadonlyArray<Uint8Array | PlainMessages> | undefined {
		if (theirs === this.#mine || this.#module.translateUpdate === undefined) return updates
		try {
			return updates.map(bytes => {
				const update = this.#module.translateUpdate!(this.#mine, theirs, unpack(bytes))
				return update instanceof PlainMessages ? update : pack('A translated update', update)
			})
		} catch (error) {
			this.#report('translateUpdate', theirs, error)
			return undefined
		}
	}

	/** Our data after update number `at`. `undefined` where the module threw. */
	data(theirs: ModuleVersion, data: unknown, at: number): Uint8Array | PlainMessages | undefined {
		if (this.#encodedAt !== at) {
			this.#encoded.clear()
			this.#encodedAt = at
		}
		const known = this.#encoded.get(theirs)
		if (known !== undefined) return known
		try {
			const translated =
				theirs === this.#mine || this.#module.translateLocalData === undefined
					? data
					: this.#module.translateLocalData(this.#mine, theirs, data)
			const encoded = translated instanceof PlainMessages ? translated : pack('Local data', translated)
			// A cluster speaks two versions at a time, or three.
			if (this.#encoded.size < 4) this.#encoded.set(theirs, encoded)
			return encoded
		} catch (error) {
			this.#report('translateLocalData', theirs, error)
			return undefined
		}
	}

	/** Nobody has asked for some time: full data may be large. */
	release(): void {
		this.#encoded.clear()
	}

	#report(callback: string, theirs: ModuleVersion, error: unknown): void {
		this.#logger.error(`'${this.#scope}': ${callback} threw`, { mine: this.#mine, theirs, error })
	}
}
