import { parse as parseSecurely } from 'secure-json-parse'
import { RemoteTermError } from '../core/errors.ts'
import { describePosition, findJsonFault } from './json-fault.ts'
import { decodeUtf8 } from './utf8.ts'

/**
 * One JSON document (RFC 8259), UTF-8, with or without a byte order mark. `T` is what you expect it to be, and is
 * not checked: that is what `schema` and `validate` are for.
 *
 * Members called `__proto__`, however escaped, are left out at any depth, since `Object.assign` and its like would
 * make them the prototype of what they are merged into. `constructor` is a name like any other, and stays.
 *
 * Errors: `DESERIALIZE_FAILED` for invalid UTF-8, for invalid JSON with line and column, and for documents longer
 * than a string can be (V8: 512 MiB). The message quotes nothing of the document. Nesting has no limit but memory in
 * V8; a runtime that has one gives `DESERIALIZE_FAILED` too.
 */
export const json = <T>(data: Uint8Array): T => {
	const text = decodeUtf8(data, 'The document')
	try {
		return parseJson(text) as T
	} catch (error) {
		if (!(error instanceof SyntaxError))
			throw new RemoteTermError('DESERIALIZE_FAILED', 'The JSON document cannot be parsed', { cause: error })
		const fault = findJsonFault(text)
		throw new RemoteTermError('DESERIALIZE_FAILED', describeFault(text, fault), causeOf(error))
	}
}

const describeFault = (text: string, fault: number | undefined): string => {
	if (text === '') return 'The document is empty, which is no JSON'
	if (fault === undefined) return 'The document is not valid JSON'
	const position = describePosition(text, fault)
	return fault === text.length
		? `The document is not valid JSON: it ends too early, at ${position}`
		: `The document is not valid JSON: unexpected character at ${position}`
}

/** `JSON.parse` without `__proto__` members. Throws what that throws. */
export const parseJson = (text: string): unknown =>
	mayNameProto(text)
		? parseSecurely(text, null, { protoAction: 'remove', constructorAction: 'ignore' })
		: JSON.parse(text)

/**
 * Whether the name may be in there, in letters or with any of them escaped. Two searches for fixed strings take some
 * 3 % of the time of `JSON.parse`, in which no text that passes them need be looked at again.
 */
const mayNameProto = (text: string): boolean =>
	text.includes('__proto__') || (text.includes('\\u00') && /\\u00(?:5f|6f|7[024])/i.test(text))

/** The cause to keep: V8 quotes a piece of the document in some of its messages, and such an error is dropped. */
export const causeOf = (error: SyntaxError): ErrorOptions =>
	error.message.includes('"') ? {} : { cause: error }
