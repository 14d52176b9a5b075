import type { FetchContext } from '../../lib/core/fetcher.ts'
import { systemClock } from '../../lib/core/clock.ts'
import { silentLogger } from '../../lib/core/logger.ts'
import { PATIENCE } from './wait.ts'

/** A context for calling a fetcher by hand; the signal ends what would otherwise wait for ever. */
export const context = (overrides: Partial<FetchContext> = {}): FetchContext => ({
	signal: AbortSignal.timeout(PATIENCE),
	clock: systemClock,
	logger: silentLogger,
	...overrides,
})
