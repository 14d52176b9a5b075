import { RemoteTermError } from '../core/errors.ts'
import {
	isNotModified,
	isValue,
	type Download,
	type DownloadedBody,
	type DownloadedValue,
	type FetchContext,
	type NotModified,
	type Version,
} from '../core/fetcher.ts'
import type { VersionFloor } from '../integrity/signature.ts'
import {
	freshnessOf,
	timed,
	unread,
	type Admission,
	type Candidate,
	type Held,
	type Hooks,
	type Origin,
	type Trace,
} from './admission.ts'
import type { Accepted } from './archive.ts'
import { Exclusions, type Unwanted } from './exclusions.ts'
import type { Settings } from './options.ts'
import { packedFor, receivePacked, type Packing } from './packed.ts'
import { assertCurrent, Placement } from './placement.ts'
import { Provenance, type Proof } from './provenance.ts'
import { receive } from './receive.ts'
import type { Judged } from './refusal.ts'

const REMOTE: Origin = { source: 'remote' }

/**
 * The one way in. Whatever a source answers passes here, in this order, and nothing is visible before the last check:
 *
 * ```
 * size budget → digest → signature → decompress → deserialize → validate → drift → put (one swap) → commit the version
 * ```
 *
 * What comes out of the archive takes the same way: a snapshot is trusted no more than the network.
 *
 * A state of the source that came through whole and was refused for its content is remembered, and asked about like
 * the one in place, so that a bad publish costs conditional requests and not downloads.
 */
export class Gate<T> {
	readonly excluded: Exclusions
	/** The only version that may come in. */
	pinned: Version | undefined
	readonly provenance: Provenance
	readonly #settings: Settings<T>
	readonly #placement: Placement<T>
	readonly #packing: Packing<T> | undefined
	readonly #hooks: Pick<Hooks<T>, 'putsAgain'>

	constructor(settings: Settings<T>, hooks: Hooks<T>) {
		this.#settings = settings
		this.excluded = new Exclusions(settings.name)
		this.#placement = new Placement(settings, hooks)
		this.#packing = hooks.packing
		this.#hooks = hooks
		this.provenance = new Provenance(settings)
	}

	get held(): Held | undefined {
		return this.#placement.held
	}

	/** What is in place without having come in: the bundled value. */
	set held(held: Held) {
		this.#placement.held = held
	}

	/** What to ask the source about: the state that it was last seen in, for good or bad. */
	get known(): Version | undefined {
		return this.excluded.known(this.#now()) ?? this.held?.validator
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
		origin: Origin = REMOTE,
	): Admission<T> | Promise<Admission<T>> {
		if (origin.source === 'remote') trace.freshness = freshnessOf(answer)
		if (isNotModified(answer)) return this.#confirm(answer, asked)
		return isValue(answer)
			? this.#admitReadyValue(answer, context, trace, origin)
			: this.#admitBody(answer, context, trace, origin)
	}

	/** Puts the bundled value where an overridden `put` wants it. */
	async admitInitial(initial: T, context: FetchContext): Promise<void> {
		await this.#placement.placeInitial(initial, context)
	}

	/** What the source holds is not to be put in place until it holds something else, or `reason` is gone. */
	reject(held: Held, reason: Unwanted['reason']): void {
		const because = reason === 'rolled-back' ? 'it was rolled back from' : `${this.pinned} is pinned`
		this.excluded.reject(held, reason, because)
	}

	/** Lets other versions in again. */
	unpin(): void {
		this.pinned = undefined
		this.excluded.unpin()
	}

	#confirm({ version }: NotModified, asked: Version | undefined): Admission<T> {
		const confirmed = version ?? asked
		const held = this.held?.validator
		if (confirmed !== undefined && confirmed === held) return this.#confirmHeld()
		if (this.excluded.meetsUnwanted({ version: confirmed })) return this.#unchanged()
		// The state that was refused is still there, and so is the reason.
		if (this.excluded.bad !== undefined && confirmed !== undefined) throw this.excluded.bad.error
		const found = confirmed === undefined ? 'a question without a version' : confirmed
		throw new RemoteTermError(
			'FETCH_STATUS',
			`Expected the source of ${this.#settings.name} to confirm ${held ?? 'nothing'}, got "not modified" for ${found}`,
		)
	}

	#unchanged(): Admission<T> {
		return { status: 'unchanged', version: this.held?.version }
	}

	#confirmHeld(): Admission<T> {
		this.excluded.forget()
		if (this.held !== undefined && this.held.source !== 'remote')
			this.held = { ...this.held, source: 'remote' }
		return this.#unchanged()
	}

	async #admitReadyValue(
		{ value, version, publishedAt, noStore = false }: DownloadedValue,
		context: FetchContext,
		trace: Trace,
		origin: Origin,
	): Promise<Admission<T>> {
		if (origin.source === 'remote' && version === this.held?.validator) return this.#confirmHeld()
		if (origin.source === 'remote' && this.excluded.meetsUnwanted({ version })) return this.#unchanged()
		const candidate = unread(version, version, origin)
		if (this.#notPinned(candidate, origin)) return this.#unchanged()
		if (this.provenance.required) {
			throw new RemoteTermError(
				'SIGNATURE_MISSING',
				`Expected ${this.#settings.name} to come as bytes, which \`integrity\` can be checked of, got a ready value`,
			)
		}
		const accepted: Accepted = {
			...candidate,
			encoding: undefined,
			sent: undefined,
			value,
			publishedAt,
			acceptedAt: trace.clock.now(),
			envelope: undefined,
			noStore,
		}
		const judge = (): Promise<Admission<T>> => this.#place(value, candidate, context, trace, origin)
		const admission = await this.#judged({ version }, context, origin, judge)
		trace.accepted = accepted
		return admission
	}

	async #admitBody(
		answer: DownloadedBody,
		context: FetchContext,
		trace: Trace,
		origin: Origin,
	): Promise<Admission<T>> {
		const { name } = this.#settings
		const { version: validator } = answer
		const known = unread(validator ?? '', validator, origin)
		if (validator !== undefined && validator !== this.held?.validator && this.#notPinned(known, origin)) {
			void (async () => answer.cancel?.())().catch(ignore)
			return this.#unchanged()
		}
		const subject = `${name}${validator === undefined ? '' : `@${validator}`}`
		const received = await this.#judged({ version: validator }, context, origin, () =>
			timed(trace, 'receive', async () =>
				origin.accepted?.packed === undefined
					? receive(answer, this.#settings, context, subject, (body, decoded) =>
							this.#placement.read(body, answer.encoding, decoded, context, subject),
						)
					: receivePacked(origin.accepted, origin.accepted.packed, this.#packing, this.#settings, subject),
			),
		)
		const { digest, bytes, result } = received
		trace.bytes = bytes
		trace.inflatedBytes = result.inflatedBytes
		assertCurrent(context)
		const version = validator ?? `sha-256:${digest}`

		const isAnother = version !== this.held?.version && this.#hooks.putsAgain?.(version) === true
		if (origin.source === 'remote' && digest === this.held?.digest && !isAnother) {
			// The same bytes under another name: the name moves, the value stays.
			this.held = { ...this.held, version, validator }
			return this.#confirmHeld()
		}
		if (origin.source === 'remote') {
			if (this.excluded.meetsUnwanted({ version: validator, digest })) return this.#unchanged()
			const verdict = this.excluded.verdictOn(digest, validator, this.#now())
			if (verdict !== undefined) throw verdict
		}
		const candidate: Candidate = {
			version,
			validator,
			digest,
			source: origin.source,
			extent: { bytes: result.inflatedBytes, keys: undefined },
		}
		if (this.#notPinned(candidate, origin)) return this.#unchanged()

		const judged = { version: validator, digest }
		await this.#judged(judged, context, origin, async () =>
			this.provenance.checkDigest(received.digests, answer, subject),
		)
		const proof = await this.#judged({ ...judged, mendable: true }, context, origin, () =>
			this.#prove(received.digests, context, subject, origin),
		)
		return this.#judged(judged, context, origin, async () => {
			const value = await timed(trace, 'deserialize', () => result.toTerm(trace))
			const admission = await this.#place(value, candidate, context, trace, origin)
			this.provenance.raiseFloor(proof.floor)
			trace.accepted = {
				...candidate,
				encoding: answer.encoding,
				sent: received.sent,
				packed: packedFor(this.#packing, this.#settings, admission),
				inflatedBytes: result.inflatedBytes,
				value: undefined,
				publishedAt: answer.publishedAt,
				acceptedAt: origin.source === 'remote' ? trace.clock.now() : origin.accepted.acceptedAt,
				envelope: proof.envelope,
				noStore: answer.noStore ?? false,
			}
			return admission
		})
	}

	async #place(
		value: unknown,
		candidate: Candidate,
		context: FetchContext,
		trace: Trace,
		{ source }: Origin,
	): Promise<Admission<T>> {
		const isWished = this.pinned === candidate.version || source === 'rollback'
		const admission = await this.#placement.place(value, candidate, isWished, context, trace)
		// What comes out of the archive says nothing about what the source holds.
		if (source === 'remote') this.excluded.forget()
		return admission
	}

	#prove(digests: readonly string[], context: FetchContext, subject: string, origin: Origin): Promise<Proof> {
		// No bar to what is ours already: an operator's own rollback, or an older snapshot where the newest will not do.
		const floor: VersionFloor | undefined = origin.source === 'remote' ? this.provenance.floor : undefined
		const envelope = origin.source === 'remote' ? undefined : (origin.accepted.envelope ?? '')
		return this.provenance.checkBeside(digests, context, subject, { envelope, floor })
	}

	/** Runs a step, and remembers its verdict on this state of the source where it is one on the content. */
	async #judged<Result>(
		judged: Judged,
		{ signal }: FetchContext,
		{ source }: Origin,
		step: () => Promise<Result>,
	): Promise<Result> {
		try {
			return await step()
		} catch (error) {
			if (error instanceof RemoteTermError && !signal.aborted && source === 'remote')
				this.excluded.refuse(judged, error, this.#now())
			throw error
		}
	}

	/** Whether another version is pinned, in which case this one is remembered as not wanted. */
	#notPinned(candidate: Candidate, { source }: Origin): boolean {
		if (this.pinned === undefined || candidate.version === this.pinned || source !== 'remote') return false
		this.reject(candidate, 'not-pinned')
		return true
	}

	#now(): number {
		return this.#settings.clock.monotonic()
	}
}

const ignore = (): void => {}
