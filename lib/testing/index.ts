export { FakeClock } from './fake-clock.ts'
export {
	FakeFetcher,
	type FakeAnswer,
	type FakeCall,
	type FakeFetcherOptions,
	type FakeHang,
} from './fake-fetcher.ts'
export type { FakeDelay, FakeExtras } from './fake-answer.ts'
export type { FakeBody, FakeEnding } from './fake-body.ts'
export {
	fetcherConformance,
	type FetcherCapabilities,
	type FetcherConformanceOptions,
	type FetcherHarness,
} from './fetcher-conformance.ts'
