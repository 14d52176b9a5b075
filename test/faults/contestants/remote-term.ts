import { HttpFetcher } from '../../../fetchers/http.ts'
import { DocumentTerm } from '../subject.ts'
import type { Entrant } from './contestant.ts'

export const remoteTerm: Entrant = {
	name: 'remote-term',
	title: 'remote-term',
	create({ url, interval, timeout, maxBytes, maxInflatedBytes, bundled }) {
		const term = new DocumentTerm({
			fetcher: new HttpFetcher({ url }),
			refreshInterval: interval,
			minRefreshInterval: interval / 2,
			backoff: { base: interval / 2, cap: interval },
			timeout,
			startTimeout: timeout,
			maxBytes,
			maxInflatedBytes,
			lazyInit: true,
			logger: false,
			...(bundled && { initial: bundled }),
		})
		return {
			async start() {
				await term.start()
				await term.update()
			},
			get: () => term.get(),
			stop: () => term.stop(),
		}
	},
}
