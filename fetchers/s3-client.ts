import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3'
import { messageOf, RemoteTermError } from '../lib/core/errors.ts'

export type Sdk = typeof import('@aws-sdk/client-s3')

/** The SDK is an optional peer: its absence is a wrong installation, to be told in words that help. */
export const loadSdk = async (): Promise<Sdk> => {
	try {
		return await import('@aws-sdk/client-s3')
	} catch (error) {
		throw new RemoteTermError(
			'INVALID_OPTION',
			`S3Fetcher needs the AWS SDK, which cannot be loaded: npm install @aws-sdk/client-s3 (${messageOf(error)})`,
			{ cause: error },
		)
	}
}

export interface ClientSettings {
	readonly region: string | undefined
	readonly endpoint: string | undefined
	readonly forcePathStyle: boolean | undefined
	readonly credentials: S3ClientConfig['credentials'] | undefined
	readonly connectionTimeout: number
	readonly requestTimeout: number
}

type Environment = Readonly<Record<string, string | undefined>>

/**
 * A client of our own. What is left out is found as everywhere in AWS: environment, shared configuration files,
 * container and instance metadata. `AWS_DEFAULT_REGION` we add ourselves, as the SDK for JavaScript ignores it.
 */
export const createClient = async (
	sdk: Sdk,
	{ region, endpoint, forcePathStyle, credentials, connectionTimeout, requestTimeout }: ClientSettings,
	env: Environment,
): Promise<S3Client> => {
	// An empty variable counts as none.
	const chosenRegion = region ?? (env['AWS_REGION'] || env['AWS_DEFAULT_REGION'] || undefined)
	const client = new sdk.S3Client({
		...(chosenRegion !== undefined && { region: chosenRegion }),
		...(endpoint !== undefined && { endpoint }),
		...(credentials !== undefined && { credentials }),
		forcePathStyle: forcePathStyle ?? isForeign(endpoint ?? endpointFrom(env)),
		// The term retries, with backoff, jitter and a limit of its own.
		maxAttempts: 1,
		requestHandler: {
			connectionTimeout,
			requestTimeout,
			throwOnRequestTimeout: true,
			// Without this a body that stalls would wait for the term's limit.
			socketTimeout: requestTimeout,
		},
	})
	try {
		await client.config.region()
	} catch (error) {
		client.destroy()
		throw new RemoteTermError(
			'INVALID_OPTION',
			'S3Fetcher needs a region: set `region`, AWS_REGION or AWS_DEFAULT_REGION, or choose a profile that has one ' +
				'(AWS_PROFILE)',
			{ cause: error },
		)
	}
	return client
}

/** What the SDK will use by itself; we only need to know beforehand. */
const endpointFrom = (env: Environment): string | undefined =>
	env['AWS_IGNORE_CONFIGURED_ENDPOINT_URLS']?.toLowerCase() === 'true'
		? undefined
		: env['AWS_ENDPOINT_URL_S3'] || env['AWS_ENDPOINT_URL'] || undefined

/**
 * Whether an endpoint is none of AWS's. Those (MinIO, Ceph, LocalStack, an address within a cluster) rarely have the
 * DNS names that `https://bucket.endpoint/key` needs, and all understand `https://endpoint/bucket/key`.
 */
const isForeign = (endpoint: string | undefined): boolean =>
	endpoint !== undefined &&
	URL.canParse(endpoint) &&
	!/\.amazonaws\.com(\.cn)?$/.test(new URL(endpoint).hostname)
