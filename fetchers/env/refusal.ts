/** A text that is not what it should be. Whoever knows which variable it came from makes the error of it. */
export class Refusal extends Error {
	/** What was found in place of what is accepted, in words that quote no secret. */
	readonly found: string

	constructor(found: string, options?: ErrorOptions) {
		super(`found ${found}`, options)
		this.found = found
	}
}
