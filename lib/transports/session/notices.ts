import type { SessionContext } from './session-context.ts'

/** What an operator has to know of, told once for each channel however often it happens. */
export class Notices {
	readonly #context: Pick<SessionContext, 'logger' | 'scope' | 'maxPeers'>
	readonly #told = new Set<string>()

	constructor(context: Pick<SessionContext, 'logger' | 'scope' | 'maxPeers'>) {
		this.#context = context
	}

	namesake(name: string): void {
		this.#tell('namesake', `Another peer is called '${name}', too: names must be unique`)
	}

	full(name: string): undefined {
		const { maxPeers } = this.#context
		this.#tell(
			'full',
			`There is no room for '${name}': ${maxPeers} peers are known, and more are not listened to`,
		)
	}

	#tell(what: string, message: string): void {
		const { logger, scope } = this.#context
		if (!this.#told.has(what)) logger.warn(message, { scope })
		this.#told.add(what)
	}
}
