import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3'
import type { Download, FetchContext, Fetcher, NotModified, Version } from '../lib/core/fetcher.ts'
import { bool, invalid, nonEmptyString, onlyKnownOptions, positive } from '../lib/core/options.ts'
import { redactUrl } from '../lib/core/redact.ts'
import { FailoverFetcher, type FailoverSource } from './failover.ts'
import { S3Object, type S3ObjectSettings } from './s3-object.ts'

const SECOND = 1000

export interface FailoverBucket {
	readonly bucket: string
	/** Default: that of the first bucket. */
	readonly region?: string | undefined
	/** Default: that of the first bucket. */
	readonly endpoint?: string | undefined
}

export interface S3FetcherOptions {
	readonly bucket: string
	readonly key: string
	/** Default: `AWS_REGION`, `AWS_DEFAULT_REGION`, the profile in use, in this order. */
	readonly region?: string | undefined
	/** Buckets that hold a copy of the object under the same key, in order of preference. Default: none. */
	readonly failoverBuckets?: readonly FailoverBucket[] | undefined
	/** One version of the object, for ever. Default: the latest. */
	readonly versionId?: string | undefined
	/** An S3-compatible service. Default: `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`, the profile in use, AWS. */
	readonly endpoint?: string | undefined
	/**
	 * `https://endpoint/bucket/key` instead of `https://bucket.endpoint/key`. Default: true for an endpoint (given here
	 * or by the environment) that is not one of AWS's, else false.
	 */
	readonly forcePathStyle?: boolean | undefined
	/** As the SDK takes them. Default: AWS's standard chain (environment, profile, container, instance). */
	readonly credentials?: S3ClientConfig['credentials'] | undefined
	/**
	 * Used instead of one of ours, and never destroyed; its retries, timeouts, region, endpoint and credentials are its
	 * own. A failover bucket with a region or an endpoint of its own gets a client of ours all the same.
	 */
	readonly client?: S3Client | undefined
	/** How long the connection may take, in ms. Default: 5 s. */
	readonly connectionTimeout?: number | undefined
	/** How long S3 may take to begin its answer, and then be silent within it, in ms. Default: 10 s. */
	readonly requestTimeout?: number | undefined
}

/**
 * An object in S3, or in a service that speaks its language. Needs the optional peer `@aws-sdk/client-s3`.
 *
 * The version is the ETag, verbatim; one conditional request per refresh (`If-None-Match`). The SDK does not retry
 * (`maxAttempts` 1): the term does.
 *
 * The SDK compares the body with the checksum that S3 keeps of it, if any: `DIGEST_MISMATCH`. SHA-256, CRC-32C and CRC-32
 * of the whole object become `digests` too, which the term verifies itself. That is twice, on purpose: the SDK alone knows
 * CRC-64/NVME, which newer objects have, while `integrity.requireDigest` and failures that look the same whatever the
 * source need ours; it costs about 1 ms per MiB. Checksums of an object's parts (`…-3`) are verified by neither.
 * `AWS_RESPONSE_CHECKSUM_VALIDATION=when_required` turns off both.
 *
 * With `failoverBuckets` it is a `FailoverFetcher` over these objects, and each version is marked with its bucket:
 * `bucket@region|"etag"`. Compose one by hand for other options than the defaults.
 *
 * On Node 20 recent versions of the SDK warn, once for each process, that later ones will need Node 22. That is left
 * as it is; `AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED=true` silences it.
 */
export class S3Fetcher implements Fetcher {
	readonly #source: Fetcher
	readonly #options: S3FetcherOptions

	constructor(options: S3FetcherOptions) {
		const [first, ...others] = parse(options)
		// As they are now, in case the caller goes on using the object.
		this.#options = { ...options }
		this.#source =
			others.length === 0
				? new S3Object(first)
				: new FailoverFetcher([first, ...others].map(settings => sourceOf(settings)))
	}

	init(context: FetchContext): Promise<void> {
		return this.#source.init(context)
	}

	currentVersion(context: FetchContext): Promise<Version> {
		return this.#source.currentVersion(context)
	}

	download(context: FetchContext): Promise<Download> {
		return this.#source.download(context)
	}

	downloadIfChanged(known: Version | undefined, context: FetchContext): Promise<Download | NotModified> {
		return this.#source.downloadIfChanged!(known, context)
	}

	/**
	 * The latest version of the object under the same key with `suffix` behind it, in the same buckets: `versionId` belongs
	 * to one object only. With `failoverBuckets` see `FailoverFetcher.beside`.
	 */
	beside(suffix: string): S3Fetcher {
		const key = this.#options.key + nonEmptyString('suffix', suffix)
		return new S3Fetcher({ ...this.#options, key, versionId: undefined })
	}

	async close(): Promise<void> {
		await this.#source.close?.()
	}
}

const sourceOf = (settings: S3ObjectSettings): FailoverSource => {
	const { bucket, region, endpoint } = settings
	const host = endpoint === undefined ? '' : `@${new URL(endpoint).host}`
	return {
		name: `${bucket}${region === undefined ? '' : `@${region}`}${host}`,
		fetcher: new S3Object(settings),
	}
}

/** The object in the first bucket, then its copies. */
const parse = (options: S3FetcherOptions): [S3ObjectSettings, ...S3ObjectSettings[]] => {
	if (typeof options !== 'object' || options === null) throw invalid('options', 'an object', options)
	onlyKnownOptions('S3Fetcher', options, [
		'bucket',
		'key',
		'region',
		'failoverBuckets',
		'versionId',
		'endpoint',
		'forcePathStyle',
		'credentials',
		'client',
		'connectionTimeout',
		'requestTimeout',
	])
	const {
		failoverBuckets = [],
		versionId,
		forcePathStyle,
		credentials,
		client,
		connectionTimeout = 5 * SECOND,
		requestTimeout = 10 * SECOND,
	} = options
	if (client !== undefined && typeof client?.send !== 'function')
		throw invalid('client', 'an S3Client', client)
	if (!Array.isArray(failoverBuckets)) throw invalid('failoverBuckets', 'a list', failoverBuckets)
	const first: S3ObjectSettings = Object.freeze({
		bucket: nonEmptyString('bucket', options.bucket),
		key: nonEmptyString('key', options.key),
		region: optional(nonEmptyString, 'region', options.region),
		endpoint: optional(httpUrl, 'endpoint', options.endpoint),
		versionId: optional(nonEmptyString, 'versionId', versionId),
		forcePathStyle: optional(bool, 'forcePathStyle', forcePathStyle),
		connectionTimeout: positive('connectionTimeout', connectionTimeout),
		requestTimeout: positive('requestTimeout', requestTimeout),
		credentials,
		client,
	})
	const others = (failoverBuckets as readonly FailoverBucket[]).map((entry, index) => {
		const path = `failoverBuckets[${index}]`
		if (typeof entry !== 'object' || entry === null) throw invalid(path, '{ bucket, region }', entry)
		onlyKnownOptions(path, entry, ['bucket', 'region', 'endpoint'])
		const region = optional(nonEmptyString, `${path}.region`, entry.region)
		const endpoint = optional(httpUrl, `${path}.endpoint`, entry.endpoint)
		return Object.freeze({
			...first,
			bucket: nonEmptyString(`${path}.bucket`, entry.bucket),
			region: region ?? first.region,
			endpoint: endpoint ?? first.endpoint,
			client: region === undefined && endpoint === undefined ? client : undefined,
		})
	})
	return [first, ...others]
}

const optional = <Value>(
	check: (option: string, value: Value) => Value,
	option: string,
	value: Value | undefined,
): Value | undefined => (value === undefined ? undefined : check(option, value))

const httpUrl = (option: string, value: string): string => {
	if (typeof value !== 'string') throw invalid(option, 'an http(s) URL', value)
	if (!URL.canParse(value)) throw invalid(option, 'an http(s) URL', redactUrl(value))
	const { protocol, username, password } = new URL(value)
	if (protocol !== 'http:' && protocol !== 'https:') throw invalid(option, 'an http(s) URL', redactUrl(value))
	if (username !== '' || password !== '') throw invalid(option, 'a URL without credentials', redactUrl(value))
	return value
}
