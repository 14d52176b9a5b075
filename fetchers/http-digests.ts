import type { ExpectedDigest } from '../lib/core/fetcher.ts'
import type { Logger } from '../lib/core/logger.ts'
import { redactUrl } from '../lib/core/redact.ts'
import { parseDigestField } from '../lib/integrity/digest-fields.ts'
import { fieldOf, type HttpHeaders } from './http-request/http-request.ts'

const FIELDS = ['content-digest', 'repr-digest'] as const

/**
 * What a complete 200 promises of its bytes (RFC 9530). Both fields cover the bytes with their content coding, and the
 * whole representation is sent, so here both mean the same bytes.
 */
export class HttpDigests {
	/** What was said last about a field that cannot be read: once for each state, not for each answer. */
	#complaint: string | undefined

	promisedBy(headers: HttpHeaders, url: URL, logger: Logger): readonly ExpectedDigest[] {
		const digests: ExpectedDigest[] = []
		const complaints: string[] = []
		for (const field of FIELDS) {
			const promise = parseDigestField(field, fieldOf(headers, field))
			if (promise.status === 'found') digests.push(...promise.digests)
			else if (promise.status === 'malformed') complaints.push(`${field} (${promise.reason})`)
		}
		this.#complain(complaints.join(', '), url, logger)
		return digests
	}

	#complain(complaint: string, url: URL, logger: Logger): void {
		if (complaint !== '' && complaint !== this.#complaint)
			logger.warn(
				`${redactUrl(url)} promises a digest that cannot be read, and is not held to it: ${complaint}`,
			)
		this.#complaint = complaint
	}
}
