import type { Fetcher } from '../../lib/core/fetcher.ts'
import type { HttpFetcherOptions } from '../http.ts'
import type { S3FetcherOptions } from '../s3.ts'
import type { Source } from './source.ts'

/** The fetcher of one source. Each kind's module is loaded only if there is such a source. */
export const open = async (
	source: Source,
	options: {
		readonly http?: Omit<HttpFetcherOptions, 'url'> | undefined
		readonly s3?: Omit<S3FetcherOptions, 'bucket' | 'key'> | undefined
	},
): Promise<Fetcher> => {
	switch (source.kind) {
		case 'http': {
			const { HttpFetcher } = await import('../http.ts')
			return new HttpFetcher({ ...options.http, url: source.url })
		}
		case 'file': {
			const { FileFetcher } = await import('../file.ts')
			return new FileFetcher({ path: source.path })
		}
		case 's3': {
			const { kind: _, ...object } = source
			const { S3Fetcher } = await import('../s3.ts')
			return new S3Fetcher({ ...options.s3, ...object })
		}
	}
}
