import { untilAborted } from '../../../lib/core/clock.ts'
import { RemoteTermError, type ErrorCode } from '../../../lib/core/errors.ts'
import type {
	Download,
	DownloadedBody,
	FetchContext,
	Fetcher,
	NotModified,
	Version,
} from '../../../lib/core/fetcher.ts'
import { damages, mistakes } from '../damage.ts'
import type { Behaviour, SourceKind } from '../faults.ts'
import type { Publisher } from '../publisher.ts'
import type { World, WorldOptions } from '../world.ts'

interface Answer {
	readonly bytes: Buffer
	readonly etag: string | undefined
	/** Sent whatever the condition. */
	readonly always?: boolean
}

/** A source within the process, for speed; what it hands out passes the real gate, and is really inflated. */
export class MemoryWorld implements World, Fetcher {
	readonly kind: SourceKind = 'memory'
	readonly publisher: Publisher
	readonly pace = Infinity
	asked = 0
	#answer!: Answer
	#behaviour: Behaviour | undefined
	#silent = 0
	#open = 0
	#watches = new Set<() => void>()

	constructor({ publisher }: WorldOptions) {
		this.publisher = publisher
		this.#show()
	}

	get silent(): boolean {
		return this.#silent > 0
	}

	/** Whether anybody wants to be told of changes. */
	get watched(): boolean {
		return this.#watches.size > 0
	}

	/** Tells those who watch that something may have changed. */
	tell(): void {
		for (const watch of [...this.#watches]) watch()
	}

	createFetcher(): Fetcher {
		return this
	}

	async serve(): Promise<void> {
		this.#behaviour = undefined
		this.#show()
	}

	async misbehave(behaviour: Behaviour): Promise<void> {
		const { publisher } = this
		const { random } = publisher
		this.#behaviour = behaviour
		switch (behaviour.act) {
			case 'damage': {
				const { bytes, etag } = publisher.publish()
				this.#answer = { bytes: damages[behaviour.how](bytes, random), etag }
				return
			}
			case 'mistake':
				this.#answer = { bytes: mistakes[behaviour.what](publisher), etag: `"mistake-${random.text(8)}"` }
				return
			case 'same-tag':
				publisher.publish(this.#answer.etag)
				this.#show(behaviour.answers === '200')
				return
			case 'go-back':
				publisher.goBack()
				break
			case 'new-tags':
			case 'not-modified':
				break
			default:
				// Whatever is asked for, there is something to be sent.
				publisher.publish()
		}
		this.#show()
	}

	async open(): Promise<number> {
		return this.#open
	}

	async init(): Promise<void> {}

	async currentVersion(context: FetchContext): Promise<Version> {
		const answer = await this.downloadIfChanged(undefined, context)
		if ('notModified' in answer) throw fault('FETCH_STATUS')
		await ('cancel' in answer ? answer.cancel?.() : undefined)
		return answer.version ?? `none-${this.asked}`
	}

	async download(context: FetchContext): Promise<Download> {
		return (await this.downloadIfChanged(undefined, context)) as Download
	}

	async downloadIfChanged(
		known: Version | undefined,
		{ signal }: FetchContext,
	): Promise<Download | NotModified> {
		this.asked++
		const behaviour = this.#behaviour
		const { bytes, etag, always = false } = this.#answer
		switch (behaviour?.act) {
			case 'refuse':
			case 'unresolvable':
				throw fault('FETCH_FAILED')
			case 'reset':
				if (behaviour.at === 'head') throw fault('FETCH_FAILED')
				break
			case 'silence':
				if (behaviour.at === 'head') await this.#fallSilent(signal)
				break
			case 'status':
				throw fault(codeOf(behaviour.status), behaviour)
			case 'redirect':
				throw fault('FETCH_REDIRECT')
			case 'not-modified':
				if (known === undefined) throw fault('FETCH_STATUS', { status: 304 })
				return { notModified: true }
			case 'no-tags':
				return this.#deliver(bytes, undefined, undefined, signal)
			case 'new-tags':
				return this.#deliver(bytes, this.publisher.rename().etag, undefined, signal)
			default:
		}
		if (!always && known !== undefined && known === etag) return { notModified: true }
		return this.#deliver(bytes, etag, behaviour, signal)
	}

	watch(onChange: () => void, { signal }: FetchContext): Disposable {
		const end = (): void => void this.#watches.delete(onChange)
		if (!signal.aborted) this.#watches.add(onChange)
		signal.addEventListener('abort', end, { once: true })
		return { [Symbol.dispose]: end }
	}

	async close(): Promise<void> {
		this.#watches.clear()
	}

	#show(always = false): void {
		const { bytes, etag } = this.publisher.newest
		this.#answer = { bytes, etag, always }
	}

	#deliver(
		bytes: Buffer,
		version: Version | undefined,
		behaviour: Behaviour | undefined,
		signal: AbortSignal,
	): DownloadedBody {
		let open = true
		this.#open++
		const release = (): void => {
			if (open) this.#open--
			open = false
		}
		const size = behaviour?.act === 'unframed-half' ? undefined : bytes.length
		return { body: this.#chunks(bytes, behaviour, signal, release), version, size, cancel: release }
	}

	async *#chunks(
		bytes: Buffer,
		behaviour: Behaviour | undefined,
		signal: AbortSignal,
		release: () => void,
	): AsyncGenerator<Uint8Array> {
		try {
			const step = behaviour?.act === 'trickle' ? 17 : Math.max(1, bytes.length >> 1)
			for (let at = 0; at < bytes.length; at += step) {
				if (at > 0) {
					if (behaviour?.act === 'short' || behaviour?.act === 'unframed-half') return
					if (behaviour?.act === 'reset') throw fault('FETCH_INCOMPLETE')
					if (behaviour?.act === 'silence') await this.#fallSilent(signal)
				}
				yield bytes.subarray(at, at + step)
			}
			if (behaviour?.act === 'long') yield Buffer.from('and more')
		} finally {
			release()
		}
	}

	async #fallSilent(signal: AbortSignal): Promise<void> {
		this.#silent++
		await untilAborted(new Promise<never>(() => {}), signal).finally(() => this.#silent--)
	}
}

const codeOf = (status: number): ErrorCode => {
	if (status === 404) return 'FETCH_NOT_FOUND'
	if (status === 401 || status === 403) return 'FETCH_DENIED'
	return status === 429 ? 'FETCH_THROTTLED' : 'FETCH_STATUS'
}

const fault = (
	code: ErrorCode,
	{ status, headers }: { status?: number; headers?: Readonly<Record<string, string>> } = {},
): RemoteTermError => {
	const seconds = headers?.['retry-after']
	return new RemoteTermError(code, `${code}, says the harness`, {
		status,
		retryAfter: seconds === undefined ? undefined : Number(seconds) * 1000,
	})
}
