import { collect } from '../../lib/core/bytes.ts'
import {
	isNotModified,
	isValue,
	type Download,
	type DownloadedBody,
	type NotModified,
} from '../../lib/core/fetcher.ts'

export const asBody = (answer: Download | NotModified): DownloadedBody => {
	if (isNotModified(answer)) throw new Error('Expected a body, got not-modified')
	if (isValue(answer)) throw new Error('Expected a body, got a value')
	return answer
}

/** Reads the body to its end, as UTF-8. */
export const textOf = async (answer: Download | NotModified): Promise<string> => {
	const { body } = asBody(answer)
	return new TextDecoder().decode(body instanceof Uint8Array ? body : await collect(body))
}
