import type { FakeClock, MemoryNetwork } from '../../lib/testing/index.ts'
import { ROUND } from './contestants.ts'

/** What went over the network. */
export interface Traffic {
	readonly messages: number
	readonly bytes: number
}

/** One change, until everybody knew it and it had died down; with all that went around meanwhile. */
export interface Spread extends Traffic {
	/** `undefined`: it did not come to that within the limit. */
	readonly rounds: number | undefined
	/** For how many rounds it was watched. */
	readonly watched: number
	/** The most that one node has sent in one round, as measured. */
	readonly perNodeAndRound: number
	/** It was ended because there were so many. */
	readonly isTooMuch?: boolean
}

export interface SpreadLimits {
	/** Rounds, after which it is given up. */
	readonly limit?: number
	/** Rounds that are counted after everybody knows it. */
	readonly after?: number
}

/** A fleet in which something changes, ours or the reference's: what is beside each other is counted alike. */
interface Fleet {
	readonly clock: FakeClock
	readonly network: MemoryNetwork
	/** Changes something, and returns its version. */
	publish(): string
	isKnown(version: string): boolean
	/** Whether there is so much traffic that it is not worth counting any longer. */
	isTooMuch?(): boolean
}

/** One change, until everybody knows it, and then until it has died down, or so many rounds have passed. */
export const measureSpread = (fleet: Fleet, { limit = 200, after = 0 }: SpreadLimits): Spread => {
	const { clock, network } = fleet
	const sentByNode = (): Float64Array =>
		Float64Array.from(network.names, name => network.countsOf(name)?.sentMessages ?? 0)
	const isTooMuch = (): boolean => fleet.isTooMuch?.() ?? false
	const before = network.counts
	const version = fleet.publish()
	// So that no two rounds of a node, which are one round apart, fall into one of ours.
	clock.run(1)
	let rounds: number | undefined
	let watched = 0
	let most = 0
	let sent = sentByNode()
	for (let round = 1; round <= limit + after && !isTooMuch(); round++) {
		clock.run(ROUND)
		watched = round
		const now = sentByNode()
		for (let index = 0; index < now.length; index++)
			most = Math.max(most, (now[index] ?? 0) - (sent[index] ?? 0))
		sent = now
		// What is known at the end of a round was sent in it: it takes one round to arrive.
		if (rounds === undefined && fleet.isKnown(version)) rounds = round
		if (rounds !== undefined && round >= rounds + after) break
		if (round >= limit && rounds === undefined) break
	}
	return { rounds, watched, ...trafficSince(network, before), perNodeAndRound: most }
}

/** As long as that, with no change at all. */
export const measureQuiet = (
	{ clock, network }: Pick<Fleet, 'clock' | 'network'>,
	watched: number,
): Traffic => {
	const before = network.counts
	clock.run(1)
	clock.run(watched * ROUND)
	return trafficSince(network, before)
}

const trafficSince = (network: MemoryNetwork, before: MemoryNetwork['counts']): Traffic => {
	const { sentBytes, sentMessages } = network.counts
	return { messages: sentMessages - before.sentMessages, bytes: sentBytes - before.sentBytes }
}
