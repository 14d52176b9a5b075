import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { ExecutionContext } from 'ava'
import type { RefreshContext } from '../../lib/term/channels.ts'

export interface Recorded {
	readonly channel: string
	/** The same object each time: it fills up. */
	readonly context: RefreshContext
	/** What was in it when it came. */
	readonly then: RefreshContext
}

const PARTS = ['start', 'end', 'asyncStart', 'asyncEnd', 'error'] as const

/** Listens as anybody would, by the documented names, to the refreshes of the terms of this name. */
export const recordRefreshes = (
	t: ExecutionContext,
	term: string,
): { readonly events: readonly Recorded[]; stop(): void } => {
	const events: Recorded[] = []
	const handlers = PARTS.map(part => {
		const name = `tracing:remote-term:refresh:${part}`
		const handler = (message: unknown): void => {
			const context = message as RefreshContext
			if (context.term === term) events.push({ channel: part, context, then: { ...context } })
		}
		subscribe(name, handler)
		return (): void => void unsubscribe(name, handler)
	})
	const stop = (): void => {
		for (const off of handlers) off()
	}
	t.teardown(stop)
	return { events, stop }
}
