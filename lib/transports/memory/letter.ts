import { decodePayload, type Payload } from '../payload.ts'

/** A message under way, to one or to many. */
export class Letter {
	readonly bytes: number
	readonly #payload: Payload
	readonly #shared: boolean
	#opened: unknown

	constructor(payload: Payload, shared: boolean) {
		this.bytes = payload.length
		this.#payload = payload
		this.#shared = shared
	}

	/** A copy of the message: of the reader's own, or one for all, frozen. */
	read(): unknown {
		if (!this.#shared) return decodePayload(this.#payload)
		this.#opened ??= freeze(decodePayload(this.#payload))
		return this.#opened
	}
}

const freeze = (value: unknown): unknown => {
	if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value
	if (value instanceof Map) for (const entry of value) entry.forEach(freeze)
	else if (value instanceof Set) for (const member of value) freeze(member)
	else for (const member of Object.values(value)) freeze(member)
	return Object.freeze(value)
}
