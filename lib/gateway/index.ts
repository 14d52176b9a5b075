export type { Anonymity } from './admission.ts'
export type { Audit, AuditEntry } from './audit.ts'
export type { Certificate, CertificateSource } from './certificate.ts'
export { createGateway, Gateway, type FetchInfo, type ListenOptions } from './gateway.ts'
export type { Listening } from './node-server.ts'
export type { GatewayLimits, GatewayOptions, GatewayTimeouts, TokenSource } from './options.ts'
export { PROBLEM_TYPE, problemResponse, Refusal, type Problem, type ProblemCode } from './problem.ts'
export type { PullOptions } from './pulls.ts'
export type { RateLimitOptions } from './rate-limit.ts'
export type {
	AnswerDocument,
	Call,
	JsonSchema,
	Method,
	Operation,
	ParameterDocument,
	Route,
} from './route.ts'
export {
	publishConfigDb,
	streamId,
	type ConfigDbSourceOptions,
	type StreamedItem,
} from './stream/config-db-source.ts'
export type { StreamingOptions, UpstreamOptions } from './stream/streaming.ts'
export { readTokenFile } from './settings/token-file.ts'
export type { Identity, Scope, TokenSpec } from './tokens.ts'
