import { FileFetcher } from '../../fetchers/file.ts'
import { HttpFetcher } from '../../fetchers/http.ts'
import { S3Fetcher } from '../../fetchers/s3.ts'
import type { Fetcher } from '../../lib/core/fetcher.ts'
import { DocumentTerm } from './subject.ts'

/**
 * A process with two terms of one source, told by its arguments: where, and what to do with them. When the last one is
 * stopped, nothing here ends the process; that is what is tested.
 */
const [source = '', act = ''] = process.argv.slice(2)

const fetcherOf = (url: URL): Fetcher => {
	if (url.protocol === 'file:') return new FileFetcher({ path: url })
	if (url.searchParams.has('s3')) {
		const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'not-much-of-a-secret' }
		const { origin: endpoint } = url
		return new S3Fetcher({ bucket: 'terms', key: 'document.json.gz', region: 'eu-1', endpoint, credentials })
	}
	return new HttpFetcher({ url })
}

const terms = [1, 2].map(
	() =>
		new DocumentTerm({
			fetcher: fetcherOf(new URL(source)),
			refreshInterval: 50,
			minRefreshInterval: 20,
			backoff: { base: 20, cap: 50 },
			lazyInit: true,
			logger: false,
		}),
)
await Promise.all(terms.map(term => term.start()))
if (act === 'stop-in-flight')
	await new Promise<void>(resolve => void process.stdin.once('data', () => resolve()))
else await Promise.all(terms.map(term => term.update()))
if (act !== 'never-stop') await Promise.all(terms.map(term => term.stop()))
// What is read from is a reason to live as well.
process.stdin.destroy()
process.stdout.write(`${terms.map(term => term.get()?.serial ?? 'nothing').join(' ')}\n`)
