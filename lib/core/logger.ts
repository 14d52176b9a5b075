/**
 * Where a term says what happened. `console` fits; so does any logger that takes a message first and fields second.
 * For pino, whose order is the reverse: `{ info: (message, fields) => pino.info(fields, message), … }`.
 *
 * A term logs changes of state, not polls: a source that is down for an hour makes two lines, not sixty.
 */
export interface Logger {
	debug(message: string, fields?: LogFields): void
	info(message: string, fields?: LogFields): void
	warn(message: string, fields?: LogFields): void
	error(message: string, fields?: LogFields): void
}

export type LogFields = Readonly<Record<string, unknown>>

const nothing = (): void => {}

export const silentLogger: Logger = Object.freeze({
	debug: nothing,
	info: nothing,
	warn: nothing,
	error: nothing,
})

/** The default: warnings and errors to the console, the rest nowhere. A service must not fail in silence. */
export const consoleLogger: Logger = Object.freeze({
	debug: nothing,
	info: nothing,
	warn: (message: string, fields: LogFields = {}) => console.warn(`[remote-term] ${message}`, fields),
	error: (message: string, fields: LogFields = {}) => console.error(`[remote-term] ${message}`, fields),
})

/** A logger that throws, like a listener that throws, harms nobody. */
export const safeLogger = (logger: Logger): Logger => {
	const safely =
		(level: keyof Logger) =>
		(message: string, fields?: LogFields): void => {
			try {
				logger[level](message, fields)
			} catch {
				// There is nobody left to tell.
			}
		}
	return { debug: safely('debug'), info: safely('info'), warn: safely('warn'), error: safely('error') }
}
