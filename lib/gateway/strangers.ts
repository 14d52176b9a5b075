import type { Clock, Timer } from '../core/clock.ts'
import { addressKey } from './address.ts'
import type { Audit } from './audit.ts'

/** Requests without a token that is good are told as this. No token can have such a name. */
export const STRANGER = '(unknown)'

const WINDOW = 60_000
/** Addresses that are told apart within one window; what comes from others is counted together. */
const MAX_ADDRESSES = 100

/**
 * What the audit log hears of those whom nobody knows: the first time of each address at once, and a minute later how
 * often it has happened since, so that whoever tries a million tokens writes no million lines.
 */
export class Strangers {
	readonly #audit: Audit
	readonly #clock: Clock
	/** How often since it was told. */
	readonly #untold = new Map<string, { readonly address: string | undefined; count: number }>()
	readonly #others = { count: 0 }
	#timer: Timer | undefined
	#closed = false

	constructor(audit: Audit, clock: Clock) {
		this.#audit = audit
		this.#clock = clock
	}

	refused(address: string | undefined, service: string | undefined): void {
		if (this.#closed) return
		const key = address === undefined ? '' : addressKey(address)
		const known = this.#untold.get(key)
		if (known !== undefined) known.count++
		else if (this.#untold.size >= MAX_ADDRESSES) this.#others.count++
		else {
			this.#untold.set(key, { address, count: 0 })
			this.#tell(address, 1, service)
		}
		this.#timer ??= this.#clock.timer(WINDOW, () => this.#flush(), { background: true })
	}

	/** Tells what is untold. */
	close(): void {
		if (this.#closed) return
		this.#closed = true
		this.#flush()
	}

	#flush(): void {
		this.#timer?.[Symbol.dispose]()
		this.#timer = undefined
		const untold = [...this.#untold.values(), { address: undefined, count: this.#others.count }]
		this.#untold.clear()
		this.#others.count = 0
		for (const { address, count } of untold) if (count > 0) this.#tell(address, count)
	}

	#tell(address: string | undefined, count: number, service?: string): void {
		this.#audit({
			...{ at: this.#clock.now(), who: STRANGER, address, action: 'authenticate', service },
			...{ outcome: 'refused', code: 'UNAUTHORIZED', count },
		})
	}
}
