import type { Fetcher } from '../../lib/core/fetcher.ts'
import { FileFetcher } from '../file.ts'
import { HttpFetcher, type HttpFetcherOptions } from '../http.ts'
import { NatsFetcher, type NatsFetcherOptions } from '../nats.ts'
import { S3Fetcher, type S3FetcherOptions } from '../s3.ts'
import type { Source } from './source.ts'

/** The fetcher of one source. What it is made with (undici, the AWS SDK, the client of NATS) is loaded by its `init`. */
export const open = (
	source: Source,
	options: {
		readonly http?: Omit<HttpFetcherOptions, 'url'> | undefined
		readonly s3?: Omit<S3FetcherOptions, 'bucket' | 'key'> | undefined
		readonly nats?: Omit<NatsFetcherOptions, 'bucket' | 'key' | 'object'> | undefined
	},
): Fetcher => {
	switch (source.kind) {
		case 'http':
			return new HttpFetcher({ ...options.http, url: source.url })
		case 'file':
			return new FileFetcher({ path: source.path })
		case 's3': {
			const { kind: _, ...object } = source
			return new S3Fetcher({ ...options.s3, ...object })
		}
		case 'nats': {
			const { kind: _, ...content } = source
			const { token, user, pass, nkey, credentials, ...others } = options.nats ?? {}
			const hasOwn = content.token !== undefined || content.user !== undefined
			return new NatsFetcher({
				...others,
				...(hasOwn ? {} : { token, user, pass, nkey, credentials }),
				...content,
			})
		}
	}
}
