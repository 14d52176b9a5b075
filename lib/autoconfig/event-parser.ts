import { createParser, type EventSourceMessage, type EventSourceParser } from 'eventsource-parser'
import { messageOf, RemoteTermError } from '../core/errors.ts'

export interface StreamEvent {
	/** `message` where the server gives none. */
	readonly type: string
	readonly data: string
	/** Of this event, or of the last one before it that had an id; '' if there was none. */
	readonly lastEventId: string
}

export interface EventParserOptions {
	/** In bytes of UTF-8. Beyond it the stream cannot be read on. */
	readonly maxEventBytes: number
	readonly lastEventId: string
	onEvent(event: StreamEvent): void
	onRetry?(milliseconds: number): void
	onComment?(comment: string): void
}

/** An id of more characters could not be sent back in a header, and counts as none: then all comes again. */
export const MAX_ID_LENGTH = 2048

/**
 * Bytes in, events out (HTML Standard §9.2.6), on eventsource-parser, which takes text and leaves three things to us:
 *
 * - It holds back a CR at the end of what it is fed, and with it an event that is complete. It never sees one: line ends
 *   are made LF before.
 * - It forgets the id of a block without data, which counts for the reconnection all the same. Lines with an id are
 *   watched for here, and text is fed to it block by block where there are any.
 * - It limits what waits to be complete, not what is complete at once.
 *
 * Bytes that are not UTF-8 are an error here. A browser puts U+FFFD in their place, which would make a damaged
 * configuration a valid one.
 */
export class EventParser {
	/** Of the last block that was complete. */
	lastEventId: string
	readonly #decoder = new TextDecoder('utf-8', { fatal: true })
	readonly #parser: EventSourceParser
	readonly #options: EventParserOptions
	#afterCarriageReturn = false
	#overflow = false

	/** The beginning of a line that may have an id; `undefined` where it cannot, or is longer than any id. */
	#line: string | undefined = ''
	#lineIsEmpty = true
	/** The id that the block at hand brings. */
	#blockId: string | undefined

	constructor(options: EventParserOptions) {
		this.#options = options
		this.lastEventId = options.lastEventId
		this.#parser = createParser({
			// What waits has names of fields in it, too; the limit is on the event itself.
			maxBufferSize: options.maxEventBytes + MAX_ID_LENGTH,
			onEvent: event => this.#onEvent(event),
			onRetry: milliseconds => options.onRetry?.(milliseconds),
			onComment: comment => options.onComment?.(comment),
			onError: error => {
				if (error.type === 'max-buffer-size-exceeded') this.#overflow = true
			},
		})
		// It takes the characters ï»¿ at the very beginning for a byte order mark. The real one is the decoder's affair.
		this.#parser.feed('')
	}

	/** @throws `TOO_LARGE`, `DESERIALIZE_FAILED`; it cannot be used after either */
	feed(bytes: Uint8Array): void {
		let text: string
		try {
			text = this.#decoder.decode(bytes, { stream: true })
		} catch (error) {
			throw new RemoteTermError('DESERIALIZE_FAILED', `The stream is not UTF-8: ${messageOf(error)}`)
		}
		this.#feedLines(this.#withLineFeeds(text))
	}

	#withLineFeeds(text: string): string {
		const rest = this.#afterCarriageReturn && text.startsWith('\n') ? text.slice(1) : text
		if (text !== '') this.#afterCarriageReturn = text.endsWith('\r')
		return rest.includes('\r') ? rest.replace(/\r\n?/g, '\n') : rest
	}

	#feedLines(text: string): void {
		let fed = 0
		for (let at = 0; at < text.length;) {
			const newline = text.indexOf('\n', at)
			const end = newline < 0 ? text.length : newline
			this.#watchLine(text, at, end)
			if (newline < 0) break
			if (this.#endLine() && this.#blockId !== undefined) {
				this.#feedText(text.slice(fed, newline + 1))
				fed = newline + 1
				this.lastEventId = this.#blockId
				this.#blockId = undefined
			}
			at = newline + 1
		}
		if (fed < text.length) this.#feedText(fed === 0 ? text : text.slice(fed))
	}

	#watchLine(text: string, at: number, end: number): void {
		if (at === end) return
		this.#lineIsEmpty = false
		if (this.#line === undefined) return
		// Nearly every line is ruled out by its first letter.
		if (this.#line === '' && text.charCodeAt(at) !== 0x69) this.#line = undefined
		else {
			const line = this.#line + text.slice(at, Math.min(end, at + MAX_ID_LENGTH + 8))
			this.#line = 'id'.startsWith(line) || line.startsWith('id:') ? line : undefined
		}
	}

	/** Returns whether it was the empty line that ends a block. */
	#endLine(): boolean {
		const line = this.#line
		const isEmpty = this.#lineIsEmpty
		this.#line = ''
		this.#lineIsEmpty = true
		if (line !== undefined && !isEmpty && line !== 'i') {
			const id = line.slice(line.startsWith('id: ') ? 4 : 3)
			if (!id.includes('\0')) this.#blockId = id.length > MAX_ID_LENGTH ? '' : id
		}
		return isEmpty
	}

	#feedText(text: string): void {
		this.#parser.feed(text)
		if (this.#overflow) throw this.#tooLarge()
	}

	#onEvent({ id, event: type = 'message', data }: EventSourceMessage): void {
		const { maxEventBytes } = this.#options
		if (data.length * 3 > maxEventBytes && Buffer.byteLength(data) > maxEventBytes) throw this.#tooLarge()
		// Only the last block of what is fed at once can have an id.
		const lastEventId = id === undefined ? this.lastEventId : (this.#blockId ?? this.lastEventId)
		this.#options.onEvent({ type, data, lastEventId })
	}

	#tooLarge(): RemoteTermError {
		return new RemoteTermError(
			'TOO_LARGE',
			`Expected an event of at most ${this.#options.maxEventBytes} bytes, more came`,
		)
	}
}
