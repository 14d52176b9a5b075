export { DataPublisher, type FlushOptions, type UpdateOptions } from './data-publisher.ts'
export {
	plainMessages,
	PlainMessages,
	type ModuleVersion,
	type PublisherModule,
	type Subscriber,
	type SubscriptionRef,
	type Subscriptions,
	type Translation,
} from './module.ts'
export type { Peer, Transport } from '../core/transport.ts'
export type { PublisherOptions } from './options.ts'
export type { PeerStatus } from './remote-peer.ts'
export type { PublisherStatus } from './status.ts'
export type { Subscription, SubscribeOptions } from './subscriptions.ts'
export { ProcessGroups, type JoinOptions, type Membership } from './groups.ts'
export type { GroupMember, GroupNotification, GroupSnapshot } from './groups-module.ts'
export { SharedMap } from './lww-map.ts'
export type { MapNotification } from './map-copy.ts'
export type { SharedMapOptions, SharedMapStatus } from './map-options.ts'
