import type { Company } from './company.ts'
import type { Fellow } from './fellow.ts'
import type { SessionContext } from './session-context.ts'
import type { Wire } from './wire.ts'

/**
 * Who has been silent for too long. Under load, what somebody has said in time may wait in a queue behind what others
 * say: nobody is judged before that is read.
 */
export class Vigil {
	/** Whom we suspect, until the backlog of that moment is read. */
	#suspects: readonly Fellow[] = []
	readonly #company: Company
	readonly #context: Pick<SessionContext, 'clock' | 'pulse'>
	readonly #wire: Pick<Wire, 'catchUp'>
	readonly #silent: (fellow: Fellow) => void

	constructor(
		company: Company,
		context: Pick<SessionContext, 'clock' | 'pulse'>,
		wire: Pick<Wire, 'catchUp'>,
		silent: (fellow: Fellow) => void,
	) {
		this.#company = company
		this.#context = context
		this.#wire = wire
		this.#silent = silent
	}

	/** @param late By how many milliseconds: a process that stood still has not read what others said meanwhile. */
	look(late: number): void {
		for (const fellow of this.#company.all()) fellow.heardAt += late
		if (this.#suspects.length > 0) return
		const suspects = this.#company.all().filter(fellow => this.#isSilent(fellow))
		this.#suspects = suspects
		if (suspects.length > 0) this.#wire.catchUp(() => this.#judge(suspects))
	}

	/** The network is lost, and everybody with it. */
	giveUp(): void {
		this.#suspects = []
	}

	#judge(suspects: readonly Fellow[]): void {
		if (this.#suspects !== suspects) return
		for (const fellow of suspects) {
			if (this.#isSilent(fellow)) this.#silent(fellow)
			// A listener has closed the channel.
			if (this.#suspects !== suspects) return
		}
		this.#suspects = []
	}

	#isSilent({ heardAt, pause }: Fellow): boolean {
		return this.#context.clock.monotonic() - heardAt > pause * this.#context.pulse.patience
	}
}
