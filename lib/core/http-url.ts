import { RemoteTermError } from './errors.ts'
import { invalid } from './options.ts'

/** What is wrong with `url`, never quoting what was given: a URL that cannot be parsed can hold a password all the same. */
export const refusedUrl = (found: string): RemoteTermError =>
	new RemoteTermError('INVALID_OPTION', `Expected \`url\` to be an http: or https: URL, got ${found}`)

/** The option `url`, as an object of our own. @throws `INVALID_OPTION` */
export const parseHttpUrl = (given: unknown): URL => {
	if (typeof given !== 'string' && !(given instanceof URL)) throw invalid('url', 'a string or URL', given)
	let url: URL
	try {
		url = new URL(given)
	} catch {
		throw refusedUrl('something that is no absolute URL')
	}
	if (url.protocol !== 'http:' && url.protocol !== 'https:') throw refusedUrl(`one of ${url.protocol}`)
	return url
}
