import { CreateBucketCommand, DeleteObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { randomUUID } from 'node:crypto'
import type { S3FetcherOptions } from '../../fetchers/s3.ts'
import type { Lifetime } from './lifetime.ts'
import { serveS3 } from './s3-server.ts'

export interface Bucket {
	/** What an `S3Fetcher` needs to reach it. */
	readonly options: Pick<S3FetcherOptions, 'bucket' | 'region' | 'endpoint' | 'credentials'>
	put(key: string, body: string | Uint8Array, extra?: { readonly ContentEncoding?: string }): Promise<string>
	remove(key: string): Promise<void>
	/** Bodies on their way from the server, where it tells. */
	readonly openBodies?: () => number
}

/** Opens an empty bucket at some endpoint. */
export type OpenBucket = (t: Lifetime) => Promise<Bucket>

const bucketAt = async (
	t: Lifetime,
	endpoint: string,
	credentials: { accessKeyId: string; secretAccessKey: string },
): Promise<Bucket> => {
	const bucket = `test-${randomUUID()}`
	const region = 'us-east-1'
	const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true })
	t.teardown(() => client.destroy())
	await client.send(new CreateBucketCommand({ Bucket: bucket }))
	return {
		options: { bucket, region, endpoint, credentials },
		async put(key, body, extra = {}) {
			const command = new PutObjectCommand({ Bucket: bucket, Key: key, Body: body, ...extra })
			return (await client.send(command)).ETag!
		},
		async remove(key) {
			await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }))
		},
	}
}

const external = process.env['REMOTE_TERM_TEST_S3_ENDPOINT']

/** Our own server always; and whatever `REMOTE_TERM_TEST_S3_ENDPOINT` names (moto, MinIO, …), if anything. */
export const endpoints: ReadonlyArray<readonly [name: string, open: OpenBucket]> = [
	[
		'the test server',
		async t => {
			const server = await serveS3(t)
			const bucket = await bucketAt(t, server.url, server.credentials)
			return { ...bucket, openBodies: () => server.openAnswers }
		},
	],
	...(external === undefined || external === ''
		? []
		: [
				[
					'the endpoint of REMOTE_TERM_TEST_S3_ENDPOINT',
					async (t: Lifetime) =>
						bucketAt(t, external, {
							accessKeyId: process.env['AWS_ACCESS_KEY_ID'] ?? 'test',
							secretAccessKey: process.env['AWS_SECRET_ACCESS_KEY'] ?? 'test',
						}),
				] as const,
			]),
]
