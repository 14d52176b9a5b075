import { chmod, mkdir, readFile, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { FileFetcher } from '../../../fetchers/file.ts'
import type { Fetcher } from '../../../lib/core/fetcher.ts'
import { openFilesIn, temporaryDirectory } from '../../support/temporary.ts'
import { damages, mistakes } from '../damage.ts'
import type { Behaviour, FileFate } from '../faults.ts'
import type { Publisher } from '../publisher.ts'
import type { Scope, World, WorldOptions } from '../world.ts'

export interface FileWorldOptions extends WorldOptions {
	/** Let the fetcher watch the file. Default: no, so that each refresh is one that somebody asked for. */
	readonly watched?: boolean
}

/** A file in a directory of its own, replaced by renaming as a careful publisher does. */
export class FileWorld implements World {
	readonly kind = 'file'
	readonly publisher: Publisher
	readonly pace = 250
	readonly silent = false
	asked = 0
	readonly #directory: string
	readonly #path: string
	readonly #watched: boolean

	private constructor({ publisher, watched = false }: FileWorldOptions, directory: string) {
		this.publisher = publisher
		this.#directory = directory
		this.#path = join(directory, 'document.json.gz')
		this.#watched = watched
	}

	static async open(scope: Scope, options: FileWorldOptions): Promise<FileWorld> {
		const { path, remove } = await temporaryDirectory()
		const world = new FileWorld(options, path)
		scope.teardown(async () => {
			await chmod(world.#path, 0o644).catch(() => {})
			await remove()
		})
		await world.serve()
		return world
	}

	get path(): string {
		return this.#path
	}

	createFetcher(): Fetcher {
		const fetcher = new FileFetcher({ path: this.#path })
		if (this.#watched) return fetcher
		return {
			init: async () => fetcher.init(),
			currentVersion: async context => fetcher.currentVersion(context),
			download: async context => fetcher.download(context),
			downloadIfChanged: async (known, context) => fetcher.downloadIfChanged(known, context),
			close: async () => fetcher.close(),
		}
	}

	async serve(): Promise<void> {
		await this.#replace(this.publisher.newest.bytes)
	}

	async misbehave(behaviour: Behaviour): Promise<void> {
		const { publisher } = this
		const { random } = publisher
		switch (behaviour.act) {
			case 'damage':
				return this.#replace(damages[behaviour.how](publisher.publish().bytes, random))
			case 'mistake':
				return this.#replace(mistakes[behaviour.what](publisher))
			case 'go-back':
				return this.#replace(publisher.goBack().bytes)
			case 'file':
				return this.#spoil(behaviour.becomes)
			default:
				return this.#replace(publisher.publish().bytes)
		}
	}

	async open(): Promise<number> {
		return openFilesIn(this.#directory)
	}

	async #replace(bytes: Buffer): Promise<void> {
		const temporary = join(this.#directory, `.document-${this.publisher.random.text(8)}`)
		await writeFile(temporary, bytes)
		// A directory cannot be renamed over.
		await readFile(this.#path).catch(() => rm(this.#path, { recursive: true, force: true }))
		await rename(temporary, this.#path)
	}

	async #spoil(fate: FileFate): Promise<void> {
		await this.serve()
		const { bytes } = this.publisher.publish()
		const path = this.#path
		switch (fate) {
			case 'rewritten':
				return writeFile(path, bytes)
			case 'cut':
				await writeFile(path, bytes)
				return truncate(path, bytes.length - 9)
			case 'emptied':
				return truncate(path, 0)
			case 'unreadable':
				await writeFile(path, bytes)
				return chmod(path, 0)
			case 'deleted':
				return rm(path)
			case 'a directory':
				await rm(path)
				await mkdir(path)
				return
			case 'dangling':
				await rm(path)
				return symlink(join(this.#directory, 'nothing-of-this-name'), path)
		}
	}
}
