import type { Logger } from '../core/logger.ts'

/**
 * One line about one write, whether it came to pass or not, or about requests without a token that is good. No token is in
 * it, and nothing of a body.
 */
export interface AuditEntry {
	/** Milliseconds since the Unix epoch. */
	readonly at: number
	/** The name of the token; `(unknown)` where there was none that is good. */
	readonly who: string
	/** The client's address, where it is known. */
	readonly address: string | undefined
	readonly action: 'push' | 'delete' | 'enable' | 'disable' | 'pull' | 'authenticate' | 'authorize'
	/** `undefined` for a request that is about none in particular. */
	readonly service: string | undefined
	/** What became of it: `accepted`, `skipped`, `deleted`, `refused`, … */
	readonly outcome: string
	/** Of a refusal: its code. */
	readonly code?: string | undefined
	readonly configVersion?: string | undefined
	readonly revision?: number | undefined
	readonly forced?: boolean | undefined
	readonly requestType?: string | undefined
	readonly version?: string | undefined
	/** Of `authenticate`: how many such requests of this address this line stands for. */
	readonly count?: number | undefined
}

export type Audit = (entry: AuditEntry) => void

/** The default: a line of the logger's. */
export const auditTo =
	(logger: Logger): Audit =>
	entry =>
		logger.info(
			`${entry.who}: ${[entry.action, entry.service].filter(Boolean).join(' ')}: ${entry.outcome}`,
			{ audit: entry },
		)
