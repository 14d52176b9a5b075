import { messageOf, RemoteTermError, type ErrorCode } from '../core/errors.ts'

/** Where the message may quote code of the user's, and that the value. */
const QUOTING: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
	'DESERIALIZE_FAILED',
	'VALIDATION_FAILED',
	'PUT_FAILED',
	'SETUP_FAILED',
])

/**
 * An error as it may leave the process, to whoever listens to a tracing channel: without its cause, which may hold
 * anything; without the issues of a schema; and without the words of code that has seen the value. What our own codecs
 * say stays, as they quote nothing.
 */
export const publishableError = (error: RemoteTermError): RemoteTermError => {
	const { code, term, status, retryAfter } = error
	const message = publishableMessage(error)
	const published = new RemoteTermError(code, message, { term, status, retryAfter })
	const { stack = '' } = error
	const quoted = stack.indexOf(error.message)
	const frames = quoted < 0 ? '' : stack.slice(quoted + error.message.length)
	published.stack = `${error.name}: ${message}${frames}`
	return published
}

const publishableMessage = ({ code, message, cause, issues }: RemoteTermError): string => {
	if (!QUOTING.has(code) || cause instanceof RemoteTermError) return message
	const foreign = cause === undefined ? '' : messageOf(cause)
	if (foreign !== '' && message.endsWith(`: ${foreign}`)) {
		const kind = cause instanceof Error ? cause.name : typeof cause
		return `${message.slice(0, -foreign.length)}${kind}`
	}
	const [ours = ''] = message.split(': ', 1)
	return issues === undefined ? ours : `${ours} (${issues.length} issues)`
}
