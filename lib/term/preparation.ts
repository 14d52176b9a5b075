import { messageOf, RemoteTermError } from '../core/errors.ts'
import type { FetchContext } from '../core/fetcher.ts'
import type { Archive } from './archive.ts'
import type { Gate } from './gate.ts'
import type { Settings } from './options.ts'

/** What comes before the first question ever: the subclass's own `setup`, the disk, and the bundled value. */
export class Preparation<T> {
	readonly #settings: Settings<T>
	readonly #gate: Gate<T>
	readonly #archive: Archive
	readonly #setup: () => void | Promise<void>
	#running: Promise<void> | undefined
	#isSetUp = false

	constructor(settings: Settings<T>, gate: Gate<T>, archive: Archive, setup: () => void | Promise<void>) {
		this.#settings = settings
		this.#gate = gate
		this.#archive = archive
		this.#setup = setup
	}

	/** Whether `setup` has succeeded. */
	get isSetUp(): boolean {
		return this.#isSetUp
	}

	/** Once, for whoever asks; again only after a failure. @throws `SETUP_FAILED` */
	run(context: FetchContext): Promise<void> {
		this.#running ??= this.#run(context).catch((error: unknown) => {
			this.#running = undefined
			throw error
		})
		return this.#running
	}

	async #run(context: FetchContext): Promise<void> {
		const { initial, name } = this.#settings
		try {
			if (!this.#isSetUp) await this.#setup()
		} catch (error) {
			throw new RemoteTermError('SETUP_FAILED', `Cannot set up ${name}: ${messageOf(error)}`, {
				cause: error,
			})
		}
		this.#isSetUp = true
		if (this.#archive.onDisk) await this.#archive.open()
		await this.#gate.provenance.recallFloor(this.#archive.snapshots(context))
		if (initial !== undefined) await this.#gate.admitInitial(initial, context)
	}
}
