export { RemoteTermError, type ErrorCode, type ErrorIssue } from './core/errors.ts'
export { reasonOf, type Clock, type Timer } from './core/clock.ts'
export type { Logger, LogFields } from './core/logger.ts'
export type {
	Download,
	DownloadedBody,
	DownloadedValue,
	Encoding,
	ExpectedDigest,
	FetchContext,
	Fetcher,
	Freshness,
	NotModified,
	Version,
} from './core/fetcher.ts'
export type { Schema } from './core/standard-schema.ts'
export type { Blocked, RefreshContext, RefreshTrigger, StatusChange } from './term/channels.ts'
export { createTerm, type CreateTermOptions } from './term/create-term.ts'
export type { Outcome, PutInfo, Steps, TermEvents } from './term/events.ts'
export type { Health, TermStatus, ValueSource } from './term/health.ts'
export type { Backoff } from './term/backoff.ts'
export type { DriftGuard } from './term/drift.ts'
export type { Integrity, LastKnownGood, RemoteTermOptions } from './term/options.ts'
export { probe, type Probe, type ProbeOptions, type ProbeReason } from './term/probe.ts'
export { RemoteTerm } from './term/remote-term.ts'
export { bytes, json, msgpack, ndjson, text } from './codecs/index.ts'
