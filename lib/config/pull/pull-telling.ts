import type { Emitter } from '../../core/events.ts'
import { publishableError } from '../../term/publishable-error.ts'
import { pullChannels } from '../channels.ts'
import type { PullEvents, PullResult } from './puller-status.ts'

/** Tells how pulls go: the puller's listeners, and the diagnostics channels. */
export class PullTelling {
	readonly #events: Emitter<PullEvents>

	constructor(events: Emitter<PullEvents>) {
		this.#events = events
	}

	began(service: string, startedAt: number): void {
		if (pullChannels.start.hasSubscribers) pullChannels.start.publish({ service, startedAt })
		this.#events.emit('pull.start', { service, startedAt })
	}

	ended(result: PullResult, startedAt: number): void {
		const to = result.status === 'failed' ? pullChannels.error : pullChannels.stop
		if (to.hasSubscribers) {
			const { service, status, configVersion, durationMs, error } = result
			to.publish({
				service,
				startedAt,
				durationMs,
				outcome: status,
				count: result.status === 'updated' ? result.count : 0,
				configVersion,
				error: error && publishableError(error),
			})
		}
		if (result.status === 'failed') this.#events.emit('pull.error', { ...result, startedAt })
		else this.#events.emit('pull.stop', { ...result, startedAt })
	}
}
