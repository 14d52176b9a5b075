import { reasonOf } from '../core/clock.ts'
import { messageOf, RemoteTermError, type ErrorCode } from '../core/errors.ts'
import type { Encoding, FetchContext } from '../core/fetcher.ts'
import { checkAgainst } from '../core/standard-schema.ts'
import {
	blocking,
	INITIAL,
	timed,
	type Admission,
	type Candidate,
	type Held,
	type Hooks,
	type Trace,
} from './admission.ts'
import { checkDrift, countKeys } from './drift.ts'
import type { PutInfo } from './events.ts'
import type { Settings } from './options.ts'
import { decode, inflateAll, type DecodedDigest } from './receive.ts'

/** On the content, so that they are remembered with its version, as those of `validate` are. */
const VERDICTS: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['VALIDATION_FAILED', 'DOWNGRADE_REFUSED'])

/** A body that has been read, and has yet to become a value. */
export interface Readied<T> {
	readonly inflatedBytes: number | undefined
	toTerm(trace: Trace): Promise<T>
}

/**
 * The value half of the gate: deserialize → validate → drift → put (one swap) → commit the version. What is held changes
 * here and nowhere else, and only when the last of these has succeeded.
 */
export class Placement<T> {
	held: Held | undefined
	readonly #settings: Settings<T>
	readonly #hooks: Hooks<T>
	/** A put that was given up may still be running; the next one waits for it, so that they cannot overtake. */
	#putting: Promise<void> = Promise.resolve()

	constructor(settings: Settings<T>, hooks: Hooks<T>) {
		this.#settings = settings
		this.#hooks = hooks
	}

	/** Puts the bundled value where an overridden `put` wants it. */
	async placeInitial(initial: T, context: FetchContext): Promise<void> {
		await this.#put(initial, INITIAL, context)
	}

	/** Reads a body to its end, into something that a value can be made of. */
	async read(
		body: AsyncIterable<Uint8Array>,
		encoding: Encoding | undefined,
		decoded: DecodedDigest,
		{ signal }: FetchContext,
		subject: string,
	): Promise<Readied<T>> {
		const { autoDecompress, maxInflatedBytes } = this.#settings
		if (this.#hooks.receive !== undefined) {
			const info = { encoding, autoDecompress, maxInflatedBytes, subject, signal }
			// What was signed may be the bytes without their content coding, so that has to be undone here.
			const { term, inflatedBytes } =
				encoding !== undefined && this.#settings.digestDecoded
					? await this.#hooks.receive(decode(body, encoding, this.#settings, decoded), {
							...info,
							encoding: undefined,
						})
					: await this.#hooks.receive(body, info)
			return { inflatedBytes, toTerm: async () => term }
		}
		const data = await inflateAll(body, encoding, this.#settings, subject, decoded)
		return { inflatedBytes: data.length, toTerm: trace => this.#deserialize(data, subject, trace) }
	}

	async #deserialize(data: Uint8Array, subject: string, trace: Trace): Promise<T> {
		try {
			return await blocking(trace, 'deserialize', () => this.#hooks.deserialize(data))
		} catch (error) {
			throw new RemoteTermError('DESERIALIZE_FAILED', `Cannot deserialize ${subject}: ${messageOf(error)}`, {
				cause: error,
			})
		}
	}

	/** `isWished`: an operator asked for this very version, so that its extent is no surprise. */
	async place(
		value: unknown,
		candidate: Candidate,
		isWished: boolean,
		context: FetchContext,
		trace: Trace,
	): Promise<Admission<T>> {
		const { driftGuard, name } = this.#settings
		const subject = `${name}@${candidate.version}`
		assertCurrent(context)
		if (value === undefined) {
			throw new RemoteTermError(
				'DESERIALIZE_FAILED',
				`Expected \`deserialize\` of ${name} to return a value, got undefined`,
			)
		}
		const checked = await timed(trace, 'validate', () => this.#validate(value, subject, trace))
		const keys = driftGuard?.keys === undefined ? undefined : countKeys(checked)
		const held: Candidate = { ...candidate, extent: { ...candidate.extent, keys } }
		if (driftGuard !== undefined && !isWished && this.held !== undefined)
			checkDrift(driftGuard, this.held.extent, held.extent, subject)
		const previousVersion = this.held?.version
		await timed(trace, 'put', () => this.#put(checked, held, context, trace))
		return { status: 'updated', version: held.version, previousVersion, term: checked }
	}

	async #validate(candidate: unknown, subject: string, trace: Trace): Promise<T> {
		const { schema } = this.#settings
		try {
			const checked =
				schema === undefined
					? (candidate as T)
					: await blocking(trace, 'validate', () => checkAgainst(schema, candidate, subject))
			await blocking(trace, 'validate', () => this.#hooks.validate(checked))
			return checked
		} catch (error) {
			if (error instanceof RemoteTermError && error.code === 'VALIDATION_FAILED') throw error
			throw new RemoteTermError('VALIDATION_FAILED', `${subject} is not valid: ${messageOf(error)}`, {
				cause: error,
			})
		}
	}

	async #put(value: T, held: Held, { signal }: FetchContext, trace?: Trace): Promise<void> {
		const { name } = this.#settings
		await this.#putting
		assertCurrent({ signal })
		const info: PutInfo = {
			name,
			version: held.version,
			previousVersion: this.held?.version,
			source: held.source,
			signal,
		}
		let pending: void | Promise<void>
		try {
			const put = (): void | Promise<void> => this.#hooks.put(value, info)
			pending = trace === undefined ? put() : blocking(trace, 'put', put)
			// No await where none is needed: between a synchronous swap and its version nobody else gets a turn.
			if (pending !== undefined) {
				this.#putting = pending.then(ignore, ignore)
				await pending
			}
		} catch (error) {
			// Who hands the value on to another gate, as the puller does, may be refused there for its content.
			if (error instanceof RemoteTermError && VERDICTS.has(error.code)) throw error
			throw new RemoteTermError(
				'PUT_FAILED',
				`Cannot put ${name}@${held.version ?? 'initial'}: ${messageOf(error)}`,
				{ cause: error },
			)
		}
		if (pending !== undefined) assertCurrent({ signal })
		this.held = held
	}
}

/** What was given up must not be put in place after all. */
export const assertCurrent = ({ signal }: Pick<FetchContext, 'signal'>): void => {
	if (signal.aborted) throw reasonOf(signal)
}

const ignore = (): void => {}
