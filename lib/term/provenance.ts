import { inflate } from '#inflate'
import { collect } from '../core/bytes.ts'
import { messageOf, RemoteTermError } from '../core/errors.ts'
import { isValue, type DownloadedBody, type FetchContext, type Fetcher } from '../core/fetcher.ts'
import type { KeyRing } from '../integrity/keys.ts'
import type { VersionFloor } from '../integrity/signature.ts'
import type { Accepted } from './archive.ts'
import type { Settings } from './options.ts'

/** What was found out about where bytes come from. */
export interface Proof {
	readonly envelope: string | undefined
	readonly floor: VersionFloor | undefined
}

const MAX_SIDECAR_BYTES = 64 * 1024

/**
 * Whether bytes are what their publisher published, by a digest that is configured, by a checksum file that lies beside
 * them, or by a detached signature. The promises that the source itself makes are verified while the bytes arrive.
 */
export class Provenance {
	readonly #settings: Pick<Settings<unknown>, 'clock' | 'fetcher' | 'integrity' | 'logger' | 'name'>
	#keys: Promise<KeyRing> | undefined
	#signature: Sidecar | undefined
	#checksum: Sidecar | undefined
	/** The highest sequence accepted: an attacker must not bring back what was properly signed long ago. */
	floor: VersionFloor | undefined

	constructor(settings: Pick<Settings<unknown>, 'clock' | 'fetcher' | 'integrity' | 'logger' | 'name'>) {
		this.#settings = settings
		const { fetcher, integrity } = settings
		if (integrity?.publicKeys !== undefined)
			this.#signature = new Sidecar(integrity.signature ?? fetcher.beside?.('.sig'), 'integrity.signature')
		if (integrity?.checksum === true)
			this.#checksum = new Sidecar(fetcher.beside?.('.sha256'), 'integrity.checksum')
		else if (integrity?.checksum !== undefined && integrity.checksum !== false)
			this.#checksum = new Sidecar(integrity.checksum, 'integrity.checksum')
	}

	get required(): boolean {
		return this.#settings.integrity !== undefined
	}

	/**
	 * What can be said of the bytes without looking elsewhere.
	 *
	 * @param digests SHA-256 in hexadecimal, as they travelled and without their content coding: one of them must be right.
	 * @throws `DIGEST_MISMATCH`
	 */
	checkDigest(digests: readonly string[], answer: DownloadedBody, subject: string): void {
		const { integrity } = this.#settings
		if (integrity?.digest !== undefined && !digests.includes(integrity.digest)) {
			throw new RemoteTermError(
				'DIGEST_MISMATCH',
				`Expected ${subject} to have the sha-256 ${integrity.digest} (integrity.digest), got ${digests.join(' and ')}`,
			)
		}
		if (integrity?.requireDigest && (answer.digests ?? []).length === 0) {
			throw new RemoteTermError(
				'DIGEST_MISMATCH',
				`Expected the source of ${subject} to send a digest along (integrity.requireDigest), got none`,
			)
		}
	}

	/**
	 * What is said of the bytes by what lies beside them, and so can change while they stay.
	 *
	 * @param digests As for `checkDigest`.
	 * @param envelope The signature that the bytes came with, where they come from the archive; `''` for none.
	 * @throws `DIGEST_MISMATCH`, `SIGNATURE_MISSING`, `SIGNATURE_INVALID`, `ROLLBACK_REFUSED`, or what a fetcher throws
	 */
	async checkBeside(
		digests: readonly string[],
		context: FetchContext,
		subject: string,
		{
			envelope,
			floor,
		}: { readonly envelope?: string | undefined; readonly floor?: VersionFloor | undefined },
	): Promise<Proof> {
		const { integrity, name, clock } = this.#settings
		if (this.#checksum !== undefined && envelope === undefined)
			await this.#checkChecksum(this.#checksum, digests, context, subject)
		if (integrity?.publicKeys === undefined) return { envelope: undefined, floor: undefined }

		const { createKeyRing } = await import('../integrity/keys.ts')
		const { verifyEnvelope } = await import('../integrity/signature.ts')
		const keys = await (this.#keys ??= createKeyRing(integrity.publicKeys))
		const archived =
			envelope === undefined || envelope === '' ? undefined : new TextEncoder().encode(envelope)
		const signature = envelope === undefined ? await this.#signature!.read(context) : archived
		const verified = await verifyEnvelope(signature, { name, digest: digests, keys, floor, now: clock.now() })
		return { envelope: new TextDecoder().decode(signature), floor: verified.floor }
	}

	/** Never goes down: what an operator rolls back to is no reason to take old content from the source. */
	raiseFloor(floor: VersionFloor | undefined): void {
		if (floor === undefined) return
		if (this.floor === undefined || floor.sequence > this.floor.sequence) this.floor = floor
	}

	/**
	 * The floor outlives the process in the snapshots. Each says it by its signature, which is checked before it is
	 * believed, and needs no bytes for that: neither damaged ones, nor ones that were signed before a content coding was
	 * applied to them, make anybody forget what was accepted.
	 */
	async recallFloor(snapshots: AsyncIterable<Accepted>): Promise<void> {
		const { clock, integrity, name } = this.#settings
		if (integrity?.publicKeys === undefined) return
		const { createKeyRing } = await import('../integrity/keys.ts')
		const { verifyEnvelope } = await import('../integrity/signature.ts')
		const keys = await (this.#keys ??= createKeyRing(integrity.publicKeys))
		const { parseEnvelope } = await import('../integrity/envelope.ts')
		for await (const { envelope, version } of snapshots) {
			if (envelope === undefined) continue
			try {
				const bytes = new TextEncoder().encode(envelope)
				const { digest } = parseEnvelope(bytes).statement
				this.raiseFloor((await verifyEnvelope(bytes, { name, digest, keys, now: clock.now() })).floor)
			} catch (error) {
				this.#settings.logger.warn(
					`A snapshot of ${name} says nothing about the lowest sequence: ${messageOf(error)}`,
					{ term: name, version, error },
				)
			}
		}
	}

	async close(): Promise<void> {
		await Promise.all([this.#signature?.close(), this.#checksum?.close()])
	}

	async #checkChecksum(
		sidecar: Sidecar,
		digests: readonly string[],
		context: FetchContext,
		subject: string,
	): Promise<void> {
		const { parseChecksumFile } = await import('../integrity/checksum-file.ts')
		const bytes = await sidecar.read(context)
		const promise = parseChecksumFile(bytes === undefined ? '' : new TextDecoder().decode(bytes))
		if (promise.status !== 'found') {
			const found =
				bytes === undefined ? 'no such file' : promise.status === 'malformed' ? promise.reason : 'none in it'
			throw new RemoteTermError(
				'DIGEST_MISMATCH',
				`Expected a checksum beside ${subject} (integrity.checksum), found ${found}`,
			)
		}
		const expected = promise.digests.find(({ algorithm }) => algorithm === 'sha-256')
		if (expected === undefined || digests.includes(expected.value)) return
		throw new RemoteTermError(
			'DIGEST_MISMATCH',
			`Expected ${subject} to have the sha-256 ${expected.value} of the checksum file beside it, got ${digests.join(' and ')}`,
		)
	}
}

/** A small file beside the content, read anew each time that there is new content. */
class Sidecar {
	readonly #fetcher: Fetcher
	#initialised = false

	/** @throws `INVALID_OPTION` where nobody says where it is */
	constructor(fetcher: Fetcher | undefined, option: string) {
		if (fetcher === undefined) {
			throw new RemoteTermError(
				'INVALID_OPTION',
				`Expected \`${option}\` to be a Fetcher, since this term's own fetcher knows nothing that lies beside its content`,
			)
		}
		this.#fetcher = fetcher
	}

	/** `undefined` where there is no such thing. */
	async read(context: FetchContext): Promise<Uint8Array | undefined> {
		const quiet: FetchContext = { ...context, onProgress: () => {} }
		if (!this.#initialised) await this.#fetcher.init(quiet)
		this.#initialised = true
		try {
			const answer = await this.#fetcher.download(quiet)
			if (isValue(answer))
				throw new RemoteTermError(
					'INVALID_OPTION',
					'Expected what lies beside a term to be bytes, got a ready value',
				)
			const { encoding } = answer
			const body = bounded(answer)
			return await collect(
				encoding === undefined ? body : inflate(body, encoding, { maxInflatedBytes: MAX_SIDECAR_BYTES }),
			)
		} catch (error) {
			if (error instanceof RemoteTermError && error.code === 'FETCH_NOT_FOUND') return undefined
			throw error
		}
	}

	async close(): Promise<void> {
		if (this.#initialised) await this.#fetcher.close?.()
	}
}

async function* bounded({ body }: DownloadedBody): AsyncIterable<Uint8Array> {
	let size = 0
	for await (const chunk of body instanceof Uint8Array ? [body] : body) {
		size += chunk.length
		if (size > MAX_SIDECAR_BYTES)
			throw new RemoteTermError(
				'TOO_LARGE',
				`Expected what lies beside a term to have at most ${MAX_SIDECAR_BYTES} bytes, got more`,
			)
		yield chunk
	}
}
