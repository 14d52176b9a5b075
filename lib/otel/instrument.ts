import type { MeterProvider, TracerProvider } from '@opentelemetry/api'
import { invalid, onlyKnownOptions } from '../core/options.ts'
import type { MeasuredTerm } from '../metrics/metrics.ts'
import { loadApi } from './api.ts'
import { measureRefreshes } from './measurements.ts'
import { traceRefreshes } from './spans.ts'

export interface InstrumentOptions {
	/** The terms whose health is observed: ready, stale, age, failures. Default: none. */
	readonly terms?: readonly MeasuredTerm[] | undefined
	/** Default: the global one. */
	readonly tracerProvider?: TracerProvider | undefined
	/** Default: the global one, as it is when `instrument` is called. */
	readonly meterProvider?: MeterProvider | undefined
}

const SCOPE = 'remote-term'

/**
 * From now on every refresh of every term in this process is a span, with the requests that it makes as children, and
 * is measured. A refresh that the schedule or the source began is the root of a trace of its own. Ends when what it
 * returns is disposed of.
 *
 * Called once, after the SDK has started and before the terms do. A second call makes everything twice.
 *
 * @throws `INVALID_OPTION`, also where `@opentelemetry/api` is not installed
 */
export const instrument = async (options: InstrumentOptions = {}): Promise<Disposable> => {
	onlyKnownOptions('instrument', options, ['terms', 'tracerProvider', 'meterProvider'])
	const { terms = [], tracerProvider, meterProvider } = options
	if (!Array.isArray(terms)) throw invalid('terms', 'an array of terms', terms)
	if (tracerProvider !== undefined && typeof tracerProvider?.getTracer !== 'function')
		throw invalid('tracerProvider', 'a TracerProvider', tracerProvider)
	if (meterProvider !== undefined && typeof meterProvider?.getMeter !== 'function')
		throw invalid('meterProvider', 'a MeterProvider', meterProvider)
	const api = await loadApi()
	const ends = [
		traceRefreshes(api, (tracerProvider ?? api.trace).getTracer(SCOPE)),
		measureRefreshes(api, (meterProvider ?? api.metrics).getMeter(SCOPE), terms as readonly MeasuredTerm[]),
	]
	return {
		[Symbol.dispose]() {
			for (const end of ends.splice(0)) end()
		},
	}
}
