import { untilAborted } from '../../lib/core/clock.ts'
import { RemoteTermError, type ErrorCode, type RemoteTermErrorOptions } from '../../lib/core/errors.ts'
import type { Download, FetchContext, Fetcher, NotModified, Version } from '../../lib/core/fetcher.ts'

export interface SourceState {
	readonly content: string
	/** Default: the content in quotes. `null`: the source has no versions. */
	readonly version?: string | null
	readonly publishedAt?: number
}

/** A source that holds what the test says, fails as the test says, and remembers what it was asked. */
export class ScriptedSource implements Fetcher {
	state: SourceState
	/** What each request meets before its answer: an error, or silence that only the signal ends. */
	trouble: Error | 'silence' | undefined
	/** The same for each body, after its first half. */
	bodyTrouble: Error | 'silence' | 'end' | undefined
	initTrouble: Error | 'silence' | undefined
	closeTrouble: Error | undefined
	/** The condition of each request, in order. */
	readonly asked: Array<Version | undefined> = []
	inits = 0
	closes = 0
	openBodies = 0

	constructor(state: SourceState | string) {
		this.state = typeof state === 'string' ? { content: state } : state
	}

	async init({ signal }: FetchContext): Promise<void> {
		this.inits++
		await meet(this.initTrouble, signal)
	}

	async currentVersion(context: FetchContext): Promise<Version> {
		this.asked.push(undefined)
		await meet(this.trouble, context.signal)
		return this.#version ?? 'none'
	}

	async download(context: FetchContext): Promise<Download> {
		return (await this.downloadIfChanged(undefined, context)) as Download
	}

	async downloadIfChanged(
		known: Version | undefined,
		context: FetchContext,
	): Promise<Download | NotModified> {
		this.asked.push(known)
		await meet(this.trouble, context.signal)
		const version = this.#version
		if (known !== undefined && known === version) return { notModified: true }
		const bytes = new TextEncoder().encode(this.state.content)
		let open = true
		this.openBodies++
		const release = (): void => {
			if (open) this.openBodies--
			open = false
		}
		return {
			body: this.#read(bytes, context.signal, release),
			version,
			size: bytes.length,
			publishedAt: this.state.publishedAt,
			cancel: release,
		}
	}

	async close(): Promise<void> {
		this.closes++
		if (this.closeTrouble !== undefined) throw this.closeTrouble
	}

	get #version(): string | undefined {
		const { version = `"${this.state.content}"` } = this.state
		return version ?? undefined
	}

	async *#read(bytes: Uint8Array, signal: AbortSignal, release: () => void): AsyncGenerator<Uint8Array> {
		try {
			const half = bytes.length >> 1
			yield bytes.subarray(0, half)
			if (this.bodyTrouble === 'end') return
			await meet(this.bodyTrouble, signal)
			yield bytes.subarray(half)
		} finally {
			release()
		}
	}
}

const meet = async (trouble: Error | 'silence' | undefined, signal: AbortSignal): Promise<void> => {
	if (trouble === 'silence') await untilAborted(new Promise(() => {}), signal)
	if (trouble instanceof Error) throw trouble
}

export const trouble = (code: ErrorCode, options?: RemoteTermErrorOptions): RemoteTermError =>
	new RemoteTermError(code, `${code}, says the test`, options)
