import { CONTESTANTS, ROUND, SYNC_INTERVAL } from './contestants.ts'
import { ReferenceWorld } from './reference.ts'
import type { Spread, Traffic } from './spread.ts'
import { World } from './world.ts'

export const REFERENCE = 'reference'
/** Rounds that are counted after everybody knows a change: until it has died down. */
const AFTER = 20
/** So many nodes take minutes to come up, so what they cost is counted in one fleet, and with fewer changes. */
const MANY = 10_000

export interface Question {
	readonly name: string
	readonly nodes: number
	/** Shares of messages, one after the other. */
	readonly losses: readonly number[]
	readonly seed: number
	/** Told what is done now. */
	readonly progress: (doing: string) => void
}

/** What changes have cost in such fleets. */
export interface Cell {
	readonly name: string
	readonly nodes: number
	readonly loss: number
	/** The worst; `undefined` where one did not reach all within the limit. */
	readonly rounds: number | undefined
	/** The mean. */
	readonly messagesPerNode: number
	readonly bytesPerNode: number
	/** Messages of one node in one round, the most. */
	readonly most: number
	/** It was ended, because there were so many messages. */
	readonly isTooMuch: boolean
}

interface Change {
	readonly loss: number
	readonly spread: Spread
	/** Without what would have gone around anyway. */
	readonly cost: Traffic
}

/** One cell for each loss. */
export const measure = (question: Question): Cell[] => {
	const { losses, name, nodes, seed } = question
	const one = name === REFERENCE ? reference : ours
	const changes = Array.from({ length: fleetsOf(nodes, name) }, (_, fleet) =>
		one({ ...question, seed: seed + fleet }),
	).flat()
	return losses.map(loss => {
		const some = changes.filter(change => change.loss === loss)
		const rounds = some.map(({ spread }) => spread.rounds)
		return {
			...{ name, nodes, loss },
			rounds: rounds.includes(undefined) ? undefined : Math.max(...(rounds as number[])),
			messagesPerNode: mean(some.map(({ cost }) => cost.messages)) / nodes,
			bytesPerNode: mean(some.map(({ cost }) => cost.bytes)) / nodes,
			most: Math.max(...some.map(({ spread }) => spread.perNodeAndRound)),
			isTooMuch: some.some(({ spread }) => spread.isTooMuch === true),
		}
	})
}

const ours = (question: Question): Change[] => {
	const { losses, nodes, progress } = question
	progress('nodes come up')
	const world = worldOf(question)
	const idle = nodes < MANY ? undefined : idleOf(world)
	const spreads = losses.flatMap(loss => {
		world.network.conditions({ loss })
		return Array.from({ length: nodes < MANY ? 3 : 2 }, (_, change) => {
			progress(`${loss * 100} % lost: change ${change + 1}`)
			return { loss, spread: world.spread({ after: AFTER }) }
		})
	})
	if (idle !== undefined)
		return spreads.map(one => ({ ...one, cost: less(one.spread, idle(one.spread.watched)) }))
	progress('the same without a change')
	const twin = worldOf(question)
	return spreads.map(one => {
		twin.network.conditions({ loss: one.loss })
		return { ...one, cost: less(one.spread, twin.quiet(one.spread.watched)) }
	})
}

/** Its periodic rounds begin later than its changes end. */
const reference = ({ losses, nodes, progress, seed }: Question): Change[] =>
	losses.map(loss => {
		progress(`${loss * 100} % lost: a change`)
		const spread = new ReferenceWorld({ nodes, seed, loss }).spread({ after: AFTER })
		return { loss, spread, cost: spread }
	})

const worldOf = ({ name, nodes, seed }: Question): World =>
	new World({ nodes, seed, strategy: CONTESTANTS[name]! })

/** What goes around anyway in so many rounds, by what does in two intervals. */
const idleOf = (world: World): ((rounds: number) => Traffic) => {
	const rounds = (2 * SYNC_INTERVAL) / ROUND
	const { bytes, messages } = world.quiet(rounds)
	return some => ({ messages: (messages * some) / rounds, bytes: (bytes * some) / rounds })
}

const less = (all: Traffic, anyway: Traffic): Traffic => ({
	messages: all.messages - anyway.messages,
	bytes: all.bytes - anyway.bytes,
})

const mean = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0) / numbers.length

/** So many small fleets that chance evens out. */
const fleetsOf = (nodes: number, name: string): number => {
	if (name === REFERENCE) return nodes > 100 ? 1 : 3
	if (nodes >= MANY || (nodes >= 1_000 && name === 'PubSub')) return 1
	return nodes >= 316 ? 2 : 5
}
