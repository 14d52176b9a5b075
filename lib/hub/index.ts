export { Hub, type FleetChange } from './hub.ts'
export type { HubOptions } from './options.ts'
export { PubSub, type PubSubOptions } from './pubsub.ts'
export { Gossip, type GossipOptions } from './gossip.ts'
export { Adaptive, type AdaptiveOptions } from './adaptive.ts'
export type {
	Applied,
	FleetRegistry,
	HubMessage,
	HubPort,
	JoinTargets,
	News,
	Reply,
	SynchronizationStrategy,
} from './strategy.ts'
export type { Delta, Stamp } from './messages.ts'
export type { Directive, DirectiveStamp } from './directive.ts'
export type { Drift, FleetNode, FleetRun, FleetTermSummary } from './fleet-view.ts'
export type { Fault, FleetHealth, FleetOutcome, FleetServices, FleetTerm } from './fleet-term.ts'
export type { FleetAnswer, FleetOperation, Settled } from './operation.ts'
export type { Answer, Answers, DirectiveKind, Reason, RunKind, RunState } from './rows.ts'
