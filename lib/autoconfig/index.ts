export { AutoConfigPublisher } from './publisher.ts'
export type {
	AutoConfigPublisherOptions,
	PublisherStatus,
	StreamRequestOptions,
} from './publisher/options.ts'
export type { StreamEnd } from './publisher/subscriber.ts'
export type { StreamView } from './publisher/view.ts'
export { relayedItems, relayStream, type RelayedItem } from './relay.ts'
export { StreamManager, type StartResult } from './stream-manager.ts'
export type {
	CommonStreamOptions,
	EnvironmentStreamOptions,
	ItemStreamOptions,
	StreamManagerOptions,
} from './stream-options.ts'
export type { Token } from './connection.ts'
export type { RetryCurves } from './retry-policy.ts'
export type { LastGoodOptions } from './last-good.ts'
export type { ConfigurationSource, EnvironmentHandler, ItemHandler, ReceivedAll } from './handler.ts'
export type { StreamError, StreamErrorKind, StreamState, StreamStatus } from './status.ts'
export { filteredEnvironments, type FilteredEnvironmentHandler } from './filtered.ts'
export type { ItemKind, ParsedItem } from './item-kind.ts'
export {
	environmentParams,
	environments,
	filters,
	parseEnvRep,
	type EnvironmentIdentifiers,
	type EnvironmentParams,
	type EnvRep,
	type FilterParams,
	type FilterRep,
} from './environment.ts'
export {
	deleteMessage,
	parseDelete,
	parsePatch,
	patchMessage,
	pathOf,
	putMessage,
	reconnectMessage,
	type DeleteMessage,
	type IgnoredMessage,
	type PatchMessage,
	type Representations,
	type WireMessage,
} from './messages.ts'
export { Rotator, type EndedKey, type Grace, type KeyEnd, type Step } from './rotator.ts'
