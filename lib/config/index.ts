export { ConfigReceiver } from './receiver.ts'
export type {
	ConfigReceiverOptions,
	PushOutcome,
	ReceivedConfig,
	ReceiverEvents,
	ReceiverLimits,
	ReceiverStatus,
	Verification,
} from './receiver-contract.ts'
export type { ItemPolicy, PushLimits } from './push-check.ts'
export {
	FailureLog,
	type Failure,
	type FailureFilter,
	type FailureQuery,
	type FailureRecord,
	type FailureSummary,
} from './failures.ts'
export { MemoryConfigDb, type MemoryConfigDbOptions } from './memory.ts'
export { GroupCommitDb, type ConfigStore, type GroupCommitOptions } from './group-commit.ts'
export type { Flag, Step, StoredService } from './service-state.ts'
export type {
	ConfigChange,
	ConfigDb,
	ConfigItem,
	ItemRef,
	ListedItem,
	Lookup,
	PullTarget,
	ServiceCommit,
	ServiceRecord,
} from './config-db.ts'
export { funConfig, type FunConfig, type FunConfigInput, type PushedFunConfig } from './fun-config.ts'
export type { ArgType, ArgTypeName } from './arg-types.ts'
export {
	pushConfig,
	serviceConfig,
	toServiceConfig,
	type PushConfig,
	type ServiceConfig,
} from './push-config.ts'
export { jsonSchemas } from './json-schemas.ts'
export { compareItemVersions, isDowngrade, isItemVersion, LOWEST_VERSION } from './item-version.ts'
export {
	CONFIG_CHANNELS,
	type CommitMessage,
	type FlagMessage,
	type PullMessage,
	type PushMessage,
} from './channels.ts'
export { ConfigPuller } from './puller.ts'
export type { ConfigPullerOptions, NamedFetcher } from './puller-options.ts'
export type { PullEvents, PullResult, PullStatus, PullerStatus } from './puller-status.ts'
export { createOriginPolicy, type OriginPolicy, type OriginPolicyOptions } from './origin-policy.ts'
export { ConfigPusher, type PushExtras, type PushOnStartupOptions, type PushOptions } from './pusher.ts'
export type { ConfigPusherOptions, TokenSource } from './pusher-options.ts'
export type { Announced, Announcement, AnnouncementEvents, AnnouncementStatus } from './announcement.ts'
