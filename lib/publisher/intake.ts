import { concat } from '../core/bytes.ts'
import type { Body, Position } from './wire.ts'

/** What is to be done about a message. */
export type Verdict =
	| { readonly kind: 'nothing' }
	/** Updates up to and including number `last`, the next ones in turn. */
	| { readonly kind: 'updates'; readonly updates: readonly Uint8Array[]; readonly last: number }
	| { readonly kind: 'data'; readonly bytes: Uint8Array; readonly at: number; readonly parts: number }
	| { readonly kind: 'more'; readonly next: number; readonly again: boolean }
	/** Something is missing, and nobody has asked for it yet. */
	| { readonly kind: 'ask' }
	| { readonly kind: 'tooLarge'; readonly bytes: number }

export interface IntakeLimits {
	readonly maxDataBytes: number
	/** Updates, and their bytes, that wait for the data they belong on. */
	readonly held: number
	readonly heldBytes: number
}

interface Ask {
	readonly number: number
	/** Full data is wanted, whatever we have. */
	readonly full: boolean
}

interface Incoming {
	readonly at: number
	readonly parts: number
	readonly chunks: Uint8Array[]
	bytes: number
	/** A lost part has been asked for, and is not there yet. */
	rewinding: boolean
}

type Data = Extract<Body, { kind: 'data' }>
type Updates = Extract<Body, { kind: 'updates' }>

const NOTHING: Verdict = { kind: 'nothing' }
const ASK: Verdict = { kind: 'ask' }

/** So many parts are under way at a time; each half of them is confirmed. */
export const WINDOW = 16

/**
 * What has come from one peer, in which order, and what is missing. Decides; whoever calls it acts, and reports by
 * `didApply` what has really been applied.
 *
 * An update is applied only on top of the one before. After a gap, what follows is left alone until the answer to our
 * ask is there: what a peer sends arrives in order, so the answer contains all that was sent before it.
 */
export class Intake {
	/** Whose data this is: of which start of the peer's publisher. */
	#epoch: string | undefined
	/** The number of the last update applied; `undefined` until full data has been. */
	#applied: number | undefined
	#ask: Ask | undefined
	#incoming: Incoming | undefined
	#held: Updates[] = []
	#heldUpdates = 0
	#heldBytes = 0
	readonly #limits: IntakeLimits
	readonly #nextAsk: () => number

	/** @param nextAsk Numbers for asks, none of them twice, whichever peer they are for and however often that is up. */
	constructor(limits: IntakeLimits, nextAsk: () => number) {
		this.#limits = limits
		this.#nextAsk = nextAsk
	}

	get epoch(): string | undefined {
		return this.#epoch
	}

	get applied(): number | undefined {
		return this.#applied
	}

	get asking(): boolean {
		return this.#ask !== undefined
	}

	/** The part that a transfer waits for, where one is under way. */
	get expectedPart(): number | undefined {
		return this.#incoming?.chunks.length
	}

	/** Any message shows its sender's epoch. Another one than before is another instance, of which nothing is known. */
	meet(epoch: string): 'known' | 'new' | 'replaced' {
		if (this.#epoch === epoch) return 'known'
		const outcome = this.#epoch === undefined ? 'new' : 'replaced'
		this.#epoch = epoch
		this.#applied = undefined
		// An ask may have been meant for the instance before.
		if (outcome === 'replaced') this.#ask = undefined
		this.#dropTransfer()
		return outcome
	}

	/** Begins an ask, or repeats one under a new number, and returns what to send. */
	ask(full: boolean): { readonly number: number; readonly has: Position | undefined } {
		this.#dropTransfer()
		const wanted = full || this.#ask?.full === true
		this.#ask = { number: this.#nextAsk(), full: wanted }
		return this.currentAsk()!
	}

	/** The ask under way, to be sent once more: whoever has answered it already will not answer again. */
	currentAsk(): { readonly number: number; readonly has: Position | undefined } | undefined {
		if (this.#ask === undefined) return undefined
		const has =
			this.#ask.full || this.#epoch === undefined || this.#applied === undefined
				? undefined
				: { epoch: this.#epoch, number: this.#applied }
		return { number: this.#ask.number, has }
	}

	updates(body: Updates): Verdict {
		if (this.#incoming !== undefined) return this.#hold(body)
		// Before the data that it belongs on, or after a fault: the data to come contains it.
		if (this.#applied === undefined || this.#ask?.full === true) return NOTHING
		const last = body.first + body.updates.length - 1
		if (body.first > this.#applied + 1) return this.#ask === undefined ? ASK : NOTHING
		if (this.#ask?.number === body.ask) this.#ask = undefined
		if (last <= this.#applied) return NOTHING
		return { kind: 'updates', updates: body.updates.slice(this.#applied + 1 - body.first), last }
	}

	data(body: Data): Verdict {
		const answers = this.#ask?.number === body.ask
		if (body.bytes.length > this.#limits.maxDataBytes) return this.#refuse(body.bytes.length)
		if (body.parts === 1) {
			// Unasked full data is as good, unless we are further than that.
			if (!answers && this.#applied !== undefined && body.at < this.#applied) return NOTHING
			return { kind: 'data', bytes: body.bytes, at: body.at, parts: 1 }
		}
		if (!answers) return NOTHING
		// It has lost sight of us for a while, and takes the same ask for a new one: this is another transfer, of data as
		// of now. What is left of the one before will never come.
		if (
			this.#incoming !== undefined &&
			(this.#incoming.at !== body.at || this.#incoming.parts !== body.parts)
		)
			this.#dropTransfer()
		this.#incoming ??= { at: body.at, parts: body.parts, chunks: [], bytes: 0, rewinding: false }
		const incoming = this.#incoming
		const next = incoming.chunks.length
		if (body.part < next) return NOTHING
		if (body.part > next) {
			if (incoming.rewinding) return NOTHING
			incoming.rewinding = true
			return this.#rewind(next)
		}
		incoming.rewinding = false
		incoming.bytes += body.bytes.length
		if (incoming.bytes > this.#limits.maxDataBytes) return this.#refuse(incoming.bytes)
		incoming.chunks.push(body.bytes)
		if (next + 1 === incoming.parts)
			return { kind: 'data', bytes: concat(incoming.chunks), at: incoming.at, parts: incoming.parts }
		return (next + 1) % (WINDOW / 2) === 0 ? { kind: 'more', next: next + 1, again: false } : NOTHING
	}

	/** Updates have been applied. */
	didApply(last: number): void {
		this.#applied = last
	}

	/** Full data has been applied. Returns the messages that came meanwhile, to be received now. */
	didReplace(at: number): readonly Updates[] {
		this.#applied = at
		this.#ask = undefined
		this.#incoming = undefined
		const held = this.#held
		this.#dropTransfer()
		return held
	}

	/** What to do about a peer whose newest update is this one, after all else in its message has been dealt with. */
	compare(newest: number): Verdict {
		if (this.#applied !== undefined && this.#applied >= newest) {
			if (this.#ask?.full === false && this.#incoming === undefined) this.#ask = undefined
			return NOTHING
		}
		return this.#ask === undefined ? ASK : NOTHING
	}

	#hold(body: Updates): Verdict {
		const bytes = body.updates.reduce((sum, update) => sum + update.length, 0)
		this.#heldUpdates += body.updates.length
		this.#heldBytes += bytes
		// What does not fit is a gap, and asked for when the transfer is done.
		if (this.#heldUpdates <= this.#limits.held && this.#heldBytes <= this.#limits.heldBytes)
			this.#held.push(body)
		return NOTHING
	}

	#rewind(next: number): Verdict {
		return { kind: 'more', next, again: true }
	}

	#refuse(bytes: number): Verdict {
		this.#dropTransfer()
		return { kind: 'tooLarge', bytes }
	}

	#dropTransfer(): void {
		this.#incoming = undefined
		this.#held = []
		this.#heldUpdates = 0
		this.#heldBytes = 0
	}
}
