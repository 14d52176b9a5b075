import type { ExecutionContext } from 'ava'
import { json } from '../../lib/codecs/json.ts'
import type { TermEvents } from '../../lib/term/events.ts'
import type { RemoteTermOptions } from '../../lib/term/options.ts'
import { RemoteTerm } from '../../lib/term/remote-term.ts'
import { FakeClock } from '../../lib/testing/fake-clock.ts'
import type { FakeFetcher } from '../../lib/testing/fake-fetcher.ts'

export interface Rates {
	readonly [currency: string]: number
}

/** The term of the README: a table of rates as JSON. */
export class RatesTerm extends RemoteTerm<Rates> {
	protected override deserialize = json<Rates>
}

const MINUTE = 60_000

/** A term under a clock that stands still, asked once a minute, stopped with the test. */
export const ratesTerm = (
	t: ExecutionContext,
	fetcher: FakeFetcher,
	options: Partial<RemoteTermOptions<Rates>> = {},
): { clock: FakeClock; fetcher: FakeFetcher; term: RatesTerm } => {
	const clock = new FakeClock()
	const term = new RatesTerm({
		fetcher,
		clock,
		random: () => 0.5,
		refreshInterval: MINUTE,
		logger: false,
		...options,
	})
	t.teardown(() => term.stop())
	return { clock, fetcher, term }
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
