import { json } from '../../lib/codecs/json.ts'
import type { TermEvents } from '../../lib/term/events.ts'
import { RemoteTerm } from '../../lib/term/remote-term.ts'

export interface Rates {
	readonly [currency: string]: number
}

/** The term of the README: a table of rates as JSON. */
export class RatesTerm extends RemoteTerm<Rates> {
	protected override deserialize = json<Rates>
}

/** The next event of this name. Ask before the act that causes it. */
export const next = <T, Name extends keyof TermEvents<T>>(
	term: RemoteTerm<T>,
	name: Name,
): Promise<TermEvents<T>[Name]> =>
	new Promise(resolve => {
		const off = term.on(name, payload => {
			off()
			resolve(payload)
		})
	})
