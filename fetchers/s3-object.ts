import type { GetObjectCommandOutput, S3Client } from '@aws-sdk/client-s3'
import { randomUUID } from 'node:crypto'
import type { Readable } from 'node:stream'
import { reasonOf, untilAborted } from '../lib/core/clock.ts'
import { RemoteTermError } from '../lib/core/errors.ts'
import {
	encodingNamed,
	type Download,
	type DownloadedBody,
	type Encoding,
	type FetchContext,
	type Fetcher,
	type NotModified,
	type Version,
} from '../lib/core/fetcher.ts'
import { parseS3Checksums } from '../lib/integrity/s3-checksums.ts'
import { createClient, loadSdk, type ClientSettings, type Sdk } from './s3-client.ts'
import { asFetchError } from './s3-errors.ts'

export interface S3ObjectSettings extends ClientSettings {
	readonly bucket: string
	readonly key: string
	readonly versionId: string | undefined
	/** Used as it is and never destroyed; `undefined`: one of our own. */
	readonly client: S3Client | undefined
}

interface Session {
	readonly sdk: Sdk
	readonly client: S3Client
	readonly ChecksumMode: 'ENABLED' | undefined
}

/** One object in one bucket, conditional by its ETag. */
export class S3Object implements Fetcher {
	readonly #settings: S3ObjectSettings
	readonly #subject: string
	#session: Session | undefined
	#complaint: string | undefined

	constructor(settings: S3ObjectSettings) {
		this.#settings = settings
		this.#subject = `s3://${settings.bucket}/${settings.key}`
	}

	/** Loads the SDK, and resolves region and credentials, so that what is missing is missed at once. */
	async init({ signal }: FetchContext): Promise<void> {
		const { client: given } = this.#settings
		const sdk = await loadSdk()
		if (given !== undefined) {
			this.#session = { sdk, client: given, ChecksumMode: await checksumModeOf(given) }
			return
		}
		const client = await createClient(sdk, this.#settings, process.env)
		try {
			// Kept by the client, so the first request does not resolve them again.
			await untilAborted(client.config.credentials(), signal)
		} catch (error) {
			client.destroy()
			throw asFetchError(error, this.#subject)
		}
		this.#session = { sdk, client, ChecksumMode: await checksumModeOf(client) }
	}

	async currentVersion(context: FetchContext): Promise<Version> {
		const { sdk, client } = this.#ready()
		const { Bucket, Key, VersionId } = this.#object()
		const command = new sdk.HeadObjectCommand({ Bucket, Key, VersionId })
		const { ETag } = await this.#within(context, abortSignal => client.send(command, { abortSignal }))
		// Without an ETag nothing tells two states apart, so each answer is a new one.
		return ETag !== undefined && ETag !== '' ? ETag : `without ETag, ${randomUUID()}`
	}

	async download(context: FetchContext): Promise<Download> {
		return (await this.downloadIfChanged(undefined, context)) as Download
	}

	async downloadIfChanged(
		known: Version | undefined,
		context: FetchContext,
	): Promise<Download | NotModified> {
		const { sdk, client, ChecksumMode } = this.#ready()
		const IfNoneMatch = known === undefined || !isHeaderValue(known) ? undefined : known
		const command = new sdk.GetObjectCommand({ ...this.#object(), IfNoneMatch, ChecksumMode })
		try {
			const output = await this.#within(context, abortSignal => client.send(command, { abortSignal }))
			return this.#downloadOf(output, context)
		} catch (error) {
			if (error instanceof RemoteTermError && error.status === 304 && IfNoneMatch !== undefined) {
				return { notModified: true }
			}
			throw error
		}
	}

	async close(): Promise<void> {
		if (this.#settings.client === undefined) this.#session?.client.destroy()
		this.#session = undefined
	}

	#ready(): Session {
		if (this.#session !== undefined) return this.#session
		throw new RemoteTermError('NOT_STARTED', `Expected init() before ${this.#subject} is fetched`)
	}

	#object(): { Bucket: string; Key: string; VersionId: string | undefined } {
		const { bucket, key, versionId } = this.#settings
		return { Bucket: bucket, Key: key, VersionId: versionId }
	}

	async #within<Output>(
		{ signal }: FetchContext,
		send: (abortSignal: AbortSignal) => Promise<Output>,
	): Promise<Output> {
		if (signal.aborted) throw reasonOf(signal)
		try {
			return await send(signal)
		} catch (error) {
			if (signal.aborted) throw reasonOf(signal)
			throw asFetchError(error, this.#subject)
		}
	}

	#downloadOf(output: GetObjectCommandOutput, context: FetchContext): DownloadedBody {
		// In Node a body is always a Readable; an object without bytes has one that ends at once.
		const body = output.Body as Readable
		// Aborted or broken before anybody reads it, or after it was given up: what is not heard would end the process.
		body.on('error', () => {})
		const release = (): void => void body.destroy()
		try {
			const { ETag, LastModified } = output
			const publishedAt = LastModified?.getTime()
			const promised = this.#session?.ChecksumMode === undefined ? NONE : parseS3Checksums(output)
			if (promised.status === 'malformed') this.#complain(promised.reason, context)
			return {
				body: this.#read(body, release, context),
				version: ETag === undefined || ETag === '' ? undefined : ETag,
				size: output.ContentLength,
				encoding: encodingOf(output.ContentEncoding, this.#subject),
				publishedAt: Number.isNaN(publishedAt) ? undefined : publishedAt,
				digests: promised.status === 'found' ? promised.digests : undefined,
				cancel: release,
			}
		} catch (error) {
			release()
			throw error
		}
	}

	#complain(reason: string, { logger }: FetchContext): void {
		if (this.#complaint !== reason)
			logger.warn(
				`${this.#subject} comes with a checksum that cannot be read, and is not held to it: ${reason}`,
			)
		this.#complaint = reason
	}

	async *#read(body: Readable, release: () => void, { signal }: FetchContext): AsyncGenerator<Uint8Array> {
		try {
			for await (const chunk of body) yield chunk as Uint8Array
		} catch (error) {
			if (signal.aborted) throw reasonOf(signal)
			throw asFetchError(error, this.#subject)
		} finally {
			release()
		}
	}
}

const NONE = { status: 'none' } as const

/**
 * Asks for the checksum that S3 keeps of the object, as newer versions of the SDK do by themselves; unless it is told not
 * to (`AWS_RESPONSE_CHECKSUM_VALIDATION=when_required`), which is how one gets along with a store that sends wrong ones.
 */
const checksumModeOf = async ({ config }: S3Client): Promise<'ENABLED' | undefined> => {
	const mode = await (config as Partial<S3Client['config']> | undefined)?.responseChecksumValidation?.()
	return mode === 'WHEN_REQUIRED' ? undefined : 'ENABLED'
}

/** A version from elsewhere may hold what no header can; the SDK would throw, and the object is simply not that. */
const isHeaderValue = (version: Version): boolean => /^[\t\x20-\x7e\x80-\xff]+$/.test(version)

/**
 * `aws-chunked` describes how the object was uploaded and `identity` is none, so neither says anything about the bytes
 * that come. What we cannot undo is refused rather than handed to a codec that would misread it.
 */
const encodingOf = (header: string | undefined, subject: string): Encoding | undefined => {
	const codings = (header ?? '')
		.split(',')
		.map(coding => coding.trim().toLowerCase())
		.filter(coding => coding !== '' && coding !== 'aws-chunked' && coding !== 'identity')
	if (codings.length === 0) return undefined
	const encoding = codings.length === 1 ? encodingNamed(codings[0]!) : undefined
	if (encoding !== undefined) return encoding
	throw new RemoteTermError(
		'INFLATE_FAILED',
		`Expected the Content-Encoding of ${subject} to be one of gzip, deflate, br and zstd, got ${codings.join(', ').slice(0, 60)}`,
	)
}
