import { lstatSync, readlinkSync, statSync, watch, type FSWatcher } from 'node:fs'
import { basename, dirname, join, parse, sep } from 'node:path'
import type { Timer } from '../../lib/core/clock.ts'
import { messageOf } from '../../lib/core/errors.ts'
import type { FetchContext } from '../../lib/core/fetcher.ts'

/** What happens to a file rarely happens to it in one step. Changes within this many milliseconds are one. */
const DEBOUNCE = 50

/** As many as Linux follows. */
const MOST_LINKS = 40

/** Calls `onChange` when the meaning of a path may have changed, until it is disposed of or the signal is aborted. */
export const watchPath = (path: string, onChange: () => void, context: FetchContext): Disposable => {
	const watching = new PathWatch(path, onChange, context)
	watching.begin()
	return watching
}

class PathWatch implements Disposable {
	readonly #path: string
	readonly #onChange: () => void
	readonly #context: FetchContext
	/** By directory and inode: a directory that was replaced under its name needs another watch. */
	readonly #watches = new Map<string, Watch>()
	readonly #end = (): void => this[Symbol.dispose]()
	#timer: Timer | undefined
	#ended = false
	#warned = false

	constructor(path: string, onChange: () => void, context: FetchContext) {
		this.#path = path
		this.#onChange = onChange
		this.#context = context
	}

	begin(): void {
		const { signal } = this.#context
		this.#ended = signal.aborted
		if (this.#ended) return
		signal.addEventListener('abort', this.#end, { once: true })
		this.#follow()
	}

	[Symbol.dispose](): void {
		this.#ended = true
		this.#context.signal.removeEventListener('abort', this.#end)
		this.#timer?.[Symbol.dispose]()
		for (const { watcher } of this.#watches.values()) watcher.close()
		this.#watches.clear()
	}

	/** Does not put off what is due: a file that is written to without end would never be read. */
	#changed(): void {
		if (this.#ended || this.#timer !== undefined) return
		const fire = (): void => {
			this.#timer = undefined
			// First, so that nothing is missed between the watches that were and the read that is to come.
			this.#follow()
			try {
				this.#onChange()
			} catch (error) {
				this.#context.logger.error(`A listener for changes of ${this.#path} threw`, { error })
			}
		}
		this.#timer = this.#context.clock.timer(DEBOUNCE, fire, { background: true })
	}

	/** Makes the watches those that the path now needs, again until it has not changed meanwhile. */
	#follow(): void {
		for (let round = 0; round < MOST_LINKS; round++) {
			const wanted = placesOnTheWay(this.#path)
			for (const [key, { watcher, isDoubtful }] of this.#watches) {
				if (wanted.has(key) && !isDoubtful) continue
				watcher.close()
				this.#watches.delete(key)
			}
			let isNew = false
			for (const [key, { directory, names }] of wanted) {
				const present = this.#watches.get(key)
				if (present !== undefined) present.names = names
				else isNew = this.#add(key, directory, names) || isNew
			}
			if (!isNew) return
		}
	}

	/** Whether the path must be looked at again, since it may have changed before the watch stood. */
	#add(key: string, directory: string, names: ReadonlySet<string>): boolean {
		let watcher: FSWatcher
		try {
			watcher = watch(directory, { persistent: false })
		} catch (error) {
			this.#warn(directory, error)
			return (error as NodeJS.ErrnoException).code === 'ENOENT'
		}
		const added: Watch = { watcher, names, isDoubtful: false }
		this.#watches.set(key, added)
		watcher.on('change', (_, name) => {
			// What happens to the directory itself is reported under its own name.
			if (name === basename(directory)) added.isDoubtful = true
			if (typeof name !== 'string' || added.isDoubtful || added.names.has(fold(name))) this.#changed()
		})
		watcher.on('error', error => {
			added.isDoubtful = true
			this.#warn(directory, error)
			this.#changed()
		})
		return true
	}

	#warn(directory: string, error: unknown): void {
		// Gone since it was looked for: the watch on what it was in tells when it is back.
		if (this.#warned || (error as NodeJS.ErrnoException).code === 'ENOENT') return
		this.#warned = true
		this.#context.logger.warn(
			`Cannot watch ${directory}: ${messageOf(error)}. Changes of ${this.#path} may be found by polling only`,
			{ error },
		)
	}
}

interface Watch {
	readonly watcher: FSWatcher
	names: ReadonlySet<string>
	/** The directory itself was removed or renamed, after which its inode may come back as another's. */
	isDoubtful: boolean
}

interface Place {
	readonly directory: string
	readonly names: ReadonlySet<string>
}

/**
 * The directory entries that decide what a path means: the file itself, each symbolic link on the way to it, and the
 * first entry that is missing. Looked up without waiting, as is the watch itself, so that there is no gap between
 * the two into which a change could fall.
 */
const placesOnTheWay = (path: string): ReadonlyMap<string, Place> => {
	const places = new Map<string, { directory: string; names: Set<string> }>()
	const add = (directory: string, name: string): void => {
		const stats = attempt(() => statSync(directory, { bigint: true }))
		if (stats === undefined) return
		const key = `${stats.dev}:${stats.ino}:${directory}`
		const place = places.get(key)
		if (place === undefined) places.set(key, { directory, names: new Set([fold(name)]) })
		else place.names.add(fold(name))
	}
	const { root } = parse(path)
	let directory = root
	let links = 0
	const left = segmentsOf(path.slice(root.length))
	for (let name = left.shift(); name !== undefined; name = left.shift()) {
		if (name === '..') {
			directory = dirname(directory)
			continue
		}
		const entry = join(directory, name)
		const stats = attempt(() => lstatSync(entry))
		const target = stats?.isSymbolicLink() === true ? attempt(() => readlinkSync(entry)) : undefined
		if (target !== undefined && links < MOST_LINKS) {
			links += 1
			add(directory, name)
			const base = parse(target).root
			if (base !== '') directory = base
			left.unshift(...segmentsOf(target.slice(base.length)))
		} else if (stats?.isDirectory() === true && left.length > 0) {
			directory = entry
		} else {
			add(directory, name)
			break
		}
	}
	return places
}

const segmentsOf = (path: string): string[] =>
	path.split(sep).filter(segment => segment !== '' && segment !== '.')

/** Some file systems report a name in another case or another Unicode form than it was given. */
const fold = (name: string): string => name.normalize('NFC').toLowerCase()

const attempt = <Result>(look: () => Result): Result | undefined => {
	try {
		return look()
	} catch {
		return undefined
	}
}
