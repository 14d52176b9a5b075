import type { Timer } from '../core/clock.ts'
import type { FleetOperation } from './operation.ts'
import type { HubSettings } from './options.ts'

/** What this node has told the fleet and still follows. */
export class Operations {
	readonly #settings: Pick<HubSettings, 'batchInterval' | 'clock'>
	readonly #followed = new Set<FleetOperation>()
	#checking: Timer | undefined

	constructor(settings: Pick<HubSettings, 'batchInterval' | 'clock'>) {
		this.#settings = settings
	}

	follow(operation: FleetOperation): void {
		this.#followed.add(operation)
	}

	unfollow(operation: FleetOperation): void {
		this.#followed.delete(operation)
	}

	/** Something has changed. They look at it once for many changes, as each looks at all nodes. */
	checkSoon(): void {
		if (this.#followed.size === 0) return
		const { batchInterval, clock } = this.#settings
		this.#checking ??= clock.timer(batchInterval, () => {
			this.#checking = undefined
			for (const operation of [...this.#followed]) operation.check()
		})
	}

	close(): void {
		this.#checking?.[Symbol.dispose]()
		this.#followed.clear()
	}
}
