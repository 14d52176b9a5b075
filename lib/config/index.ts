/*
 * The way of a configuration:
 *
 *   push/     the service's side: `ConfigPusher` tells a gateway, and sees to it that it is told
 *   pull/     what the gateway fetches by itself: `ConfigPuller`, and from where it may
 *   http/     how the two speak HTTP
 *   receive/  the door that both come through: `ConfigReceiver` checks everything, then commits once, or refuses
 *   .         what is stored (`fun-config`, `push-config`) and where: `config-db` is the contract, `service-state`
 *             decides what a commit comes to, `mirror` answers every read; `group-commit` writes to `memory` and
 *             `lmdb`, and `nats` to a bucket that several gateways share
 */
export { ConfigReceiver } from './receive/receiver.ts'
export type {
	ConfigReceiverOptions,
	PushOutcome,
	ReceivedConfig,
	ReceiverEvents,
	ReceiverLimits,
	ReceiverStatus,
	Verification,
} from './receive/receiver-contract.ts'
export type { ItemPolicy, PushLimits } from './receive/push-check.ts'
export {
	FailureLog,
	type Failure,
	type FailureFilter,
	type FailureQuery,
	type FailureRecord,
	type FailureSummary,
} from './receive/failures.ts'
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
export { ConfigPuller } from './pull/puller.ts'
export type { ConfigPullerOptions, NamedFetcher } from './pull/puller-options.ts'
export type { PullEvents, PullResult, PullStatus, PullerStatus } from './pull/puller-status.ts'
export { createOriginPolicy, type OriginPolicy, type OriginPolicyOptions } from './pull/origin-policy.ts'
export { ConfigPusher, type PushExtras, type PushOnStartupOptions, type PushOptions } from './push/pusher.ts'
export type { ConfigPusherOptions, TokenSource } from './push/pusher-options.ts'
export type { Announced, Announcement, AnnouncementEvents, AnnouncementStatus } from './push/announcement.ts'
