export { FakeClock } from './fake-clock.ts'
export { FakeFetcher, type FakeFetcherOptions } from './fake-fetcher.ts'
export type { FakeAnswer, FakeCall, FakeDelay, FakeExtras, FakeHang } from './fake-answer.ts'
export type { FakeBody, FakeEnding } from './fake-body.ts'
export {
	fetcherConformance,
	type FetcherCapabilities,
	type FetcherConformanceOptions,
	type FetcherHarness,
} from './fetcher-conformance.ts'
export {
	MemoryNetwork,
	type MemoryNetworkOptions,
	type NetworkCounts,
	type TransportCounts,
	type WireOptions,
} from '../transports/memory.ts'
export {
	transportConformance,
	type TransportConformanceOptions,
	type TransportHarness,
} from './transport-conformance.ts'
export {
	configDbConformance,
	type ConfigDbConformanceOptions,
	type ConfigDbHarness,
	type ConformanceItem,
	type ConformancePull,
} from './config-db-conformance.ts'
export { strategyConformance, type StrategyConformanceOptions } from './strategy-conformance.ts'
