import { reasonOf, type Clock } from '../core/clock.ts'
import { messageOf, RemoteTermError } from '../core/errors.ts'
import {
	isNotModified,
	isValue,
	type Download,
	type DownloadedBody,
	type FetchContext,
	type Freshness,
	type NotModified,
	type Version,
} from '../core/fetcher.ts'
import { checkAgainst } from '../core/standard-schema.ts'
import type { Blocked } from './channels.ts'
import type { PutInfo, Steps } from './events.ts'
import type { ValueSource } from './health.ts'
import type { Settings } from './options.ts'
import { receive } from './receive.ts'
import { isSettled, refuse, type Refusal } from './refusal.ts'

/** What is in place. The version and the value it names are only ever replaced together. */
export interface Held {
	readonly version: Version | undefined
	/** `version`, where the source gave it and so can be asked about it. */
	readonly validator: Version | undefined
	/** Of the bytes behind the value; `undefined` for a value that came as one. */
	readonly digest: string | undefined
	readonly source: ValueSource
}

/** What the subclass says. */
export interface Hooks<T> {
	deserialize(data: Uint8Array): T | Promise<T>
	validate(term: T): void | Promise<void>
	put(term: T, info: PutInfo): void | Promise<void>
}

/** The same, with a clock at hand for what may keep the event loop busy. */
export interface TimedHooks<T> extends Hooks<T> {
	measure<Result>(part: keyof Blocked, run: () => Result): Result
}

/** What is found out on the way, so that an outcome can tell it even if it is a failure. */
export interface Trace {
	readonly clock: Clock
	readonly steps: Steps
	bytes?: number
	inflatedBytes?: number
	freshness?: Freshness
}

export type Admission<T> =
	| {
			readonly status: 'updated'
			readonly version: Version
			readonly previousVersion: Version | undefined
			readonly term: T
	  }
	| { readonly status: 'unchanged'; readonly version: Version | undefined }

/**
 * The one way in. Whatever a source answers passes here, in this order, and nothing is visible before the last check:
 *
 * ```
 * size budget → digest → decompress → deserialize → validate → put (one swap) → commit the version
 * ```
 *
 * A state of the source that came through whole and was refused for its content is remembered, and asked about like
 * the one in place, so that a bad publish costs conditional requests and not downloads.
 */
export class Gate<T> {
	held: Held | undefined
	refusal: Refusal | undefined
	readonly #settings: Settings<T>
	readonly #hooks: TimedHooks<T>
	/** A put that was given up may still be running; the next one waits for it, so that they cannot overtake. */
	#putting: Promise<void> = Promise.resolve()

	constructor(settings: Settings<T>, hooks: TimedHooks<T>) {
		this.#settings = settings
		this.#hooks = hooks
	}

	/** What to ask the source about: the state that it was last seen in, for good or bad. */
	get known(): Version | undefined {
		return isSettled(this.refusal) ? this.refusal.version : this.held?.validator
	}

	/**
	 * Rejects, or throws, with a `RemoteTermError`, and with everything as it was, where the answer does not pass. By far
	 * the most answers say that nothing has changed; those take no turn of the event loop.
	 */
	admit(
		answer: Download | NotModified,
		asked: Version | undefined,
		context: FetchContext,
		trace: Trace,
	): Admission<T> | Promise<Admission<T>> {
		trace.freshness = answer
		if (isNotModified(answer)) return this.#confirm(answer, asked)
		if (!isValue(answer)) return this.#admitBody(answer, context, trace)

		const { value, version } = answer
		if (version === this.held?.validator) return this.#confirmHeld()
		const held = { version, validator: version, digest: undefined, source: 'remote' } as const
		return this.#judged(version, undefined, context, () => this.#admitValue(value, held, context, trace))
	}

	/** Puts the bundled value where an overridden `put` wants it. */
	async admitInitial(initial: T, context: FetchContext): Promise<void> {
		await this.#put(
			initial,
			{ version: undefined, validator: undefined, digest: undefined, source: 'initial' },
			context,
		)
	}

	#confirm({ version }: NotModified, asked: Version | undefined): Admission<T> {
		const confirmed = version ?? asked
		if (confirmed === undefined) {
			throw new RemoteTermError(
				'FETCH_STATUS',
				`${this.#settings.name}: the source answered "not modified" to a question without a version`,
			)
		}
		// The state that was refused is still there, and so is the reason.
		if (confirmed === this.refusal?.version) throw this.refusal.error
		return this.#confirmHeld()
	}

	#confirmHeld(): Admission<T> {
		this.refusal = undefined
		return { status: 'unchanged', version: this.held?.version }
	}

	async #admitBody(answer: DownloadedBody, context: FetchContext, trace: Trace): Promise<Admission<T>> {
		const { name } = this.#settings
		const { version: validator } = answer
		const subject = `${name}${validator === undefined ? '' : `@${validator}`}`
		const received = await this.#judged(validator, undefined, context, () =>
			timed(trace, 'receive', () => receive(answer, this.#settings, context, subject)),
		)
		const { data, digest, bytes } = received
		trace.bytes = bytes
		trace.inflatedBytes = data.length
		this.#assertCurrent(context)
		const version = validator ?? `sha-256:${digest}`

		if (digest === this.held?.digest) {
			// The same bytes under another name: the name moves, the value stays.
			this.held = { ...this.held, version, validator }
			return this.#confirmHeld()
		}
		if (digest === this.refusal?.digest) throw this.refusal.error

		return this.#judged(validator, digest, context, async () => {
			const value = await timed(trace, 'deserialize', async () => {
				try {
					return await this.#hooks.deserialize(data)
				} catch (error) {
					throw new RemoteTermError(
						'DESERIALIZE_FAILED',
						`Cannot deserialize ${subject}: ${messageOf(error)}`,
						{ cause: error },
					)
				}
			})
			return this.#admitValue(value, { version, validator, digest, source: 'remote' }, context, trace)
		})
	}

	async #admitValue(
		candidate: unknown,
		held: Held & { version: Version },
		context: FetchContext,
		trace: Trace,
	): Promise<Admission<T>> {
		const { schema, name } = this.#settings
		const subject = `${name}@${held.version}`
		this.#assertCurrent(context)
		if (candidate === undefined) {
			throw new RemoteTermError(
				'DESERIALIZE_FAILED',
				`Expected \`deserialize\` of ${name} to return a value, got undefined`,
			)
		}
		const value = await timed(trace, 'validate', async () => {
			try {
				const checked =
					schema === undefined
						? (candidate as T)
						: await this.#hooks.measure('validate', () => checkAgainst(schema, candidate, subject))
				await this.#hooks.validate(checked)
				return checked
			} catch (error) {
				if (error instanceof RemoteTermError && error.code === 'VALIDATION_FAILED') throw error
				throw new RemoteTermError('VALIDATION_FAILED', `${subject} is not valid: ${messageOf(error)}`, {
					cause: error,
				})
			}
		})
		const previousVersion = this.held?.version
		await timed(trace, 'put', () => this.#put(value, held, context))
		return { status: 'updated', version: held.version, previousVersion, term: value }
	}

	async #put(value: T, held: Held, { signal }: FetchContext): Promise<void> {
		const { name } = this.#settings
		await this.#putting
		this.#assertCurrent({ signal })
		const info: PutInfo = {
			name,
			version: held.version,
			previousVersion: this.held?.version,
			source: held.source,
			signal,
		}
		let pending: void | Promise<void>
		try {
			pending = this.#hooks.put(value, info)
			// No await where none is needed: between a synchronous swap and its version nobody else gets a turn.
			if (pending !== undefined) {
				this.#putting = pending.then(ignore, ignore)
				await pending
			}
		} catch (error) {
			throw new RemoteTermError(
				'PUT_FAILED',
				`Cannot put ${name}@${held.version ?? 'initial'}: ${messageOf(error)}`,
				{ cause: error },
			)
		}
		if (pending !== undefined) this.#assertCurrent({ signal })
		this.held = held
		this.refusal = undefined
	}

	/** Runs a step, and remembers its verdict on this state of the source where it is one on the content. */
	async #judged<Result>(
		version: Version | undefined,
		digest: string | undefined,
		{ signal }: FetchContext,
		step: () => Promise<Result>,
	): Promise<Result> {
		try {
			return await step()
		} catch (error) {
			if (error instanceof RemoteTermError && !signal.aborted)
				this.refusal = refuse(this.refusal, version, digest, error) ?? this.refusal
			throw error
		}
	}

	/** What was given up must not be put in place after all. */
	#assertCurrent({ signal }: Pick<FetchContext, 'signal'>): void {
		if (signal.aborted) throw reasonOf(signal)
	}
}

const ignore = (): void => {}

export const timed = async <Result>(
	{ steps, clock }: Trace,
	step: keyof Steps,
	run: () => Promise<Result>,
): Promise<Result> => {
	const began = clock.monotonic()
	try {
		return await run()
	} finally {
		steps[step] = clock.monotonic() - began
	}
}
