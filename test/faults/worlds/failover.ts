import { FailoverFetcher } from '../../../fetchers/failover.ts'
import type { Fetcher } from '../../../lib/core/fetcher.ts'
import type { Behaviour } from '../faults.ts'
import type { Publisher } from '../publisher.ts'
import type { Scope, World, WorldOptions } from '../world.ts'
import { HttpWorld } from './http.ts'

/** Two HTTP origins of one publisher, of which the second is a replica. */
export class FailoverWorld implements World {
	readonly kind = 'failover'
	readonly silent = false
	readonly publisher: Publisher
	readonly pace = 250
	readonly #first: HttpWorld
	readonly #second: HttpWorld
	#turn: 'first' | 'second' | undefined

	private constructor(publisher: Publisher, first: HttpWorld, second: HttpWorld) {
		this.publisher = publisher
		this.#first = first
		this.#second = second
	}

	static async open(scope: Scope, options: WorldOptions): Promise<FailoverWorld> {
		const [first, second] = [await HttpWorld.open(scope, options), await HttpWorld.open(scope, options)]
		return new FailoverWorld(options.publisher, first, second)
	}

	get asked(): number {
		return this.#first.asked + this.#second.asked
	}

	createFetcher(): Fetcher {
		return new FailoverFetcher({
			sources: [
				{ name: 'first', fetcher: this.#first.createFetcher() },
				{ name: 'second', fetcher: this.#second.createFetcher() },
			],
			recoverAfter: 1_000,
		})
	}

	async serve(): Promise<void> {
		this.#turn = undefined
		await Promise.all([this.#first.serve(), this.#second.serve()])
	}

	async misbehave(behaviour: Behaviour): Promise<void> {
		if (behaviour.act !== 'disagree') throw new Error(`Two origins do not ${behaviour.act}`)
		const [before] = [this.publisher.newest, this.publisher.publish()]
		switch (behaviour.how) {
			case 'first-down':
				await this.#second.serve()
				return this.#first.misbehave({ act: 'status', status: 503 })
			case 'second-lags':
				await this.#second.serve(before)
				return this.#first.misbehave({ act: 'status', status: 503 })
			case 'both-down':
				await this.#first.misbehave({ act: 'refuse' })
				return this.#second.misbehave({ act: 'reset', at: 'head' })
			case 'take-turns':
				this.#turn = 'second'
				return this.turn()
		}
	}

	/** Whoever is up goes down, and the other comes back with what it had, or with what is newest by chance. */
	async turn(): Promise<void> {
		if (this.#turn === undefined) return
		const [up, down] = this.#turn === 'first' ? [this.#first, this.#second] : [this.#second, this.#first]
		this.#turn = this.#turn === 'first' ? 'second' : 'first'
		const { log, random } = this.publisher
		await down.serve(random.pick(log.slice(-2)))
		await up.misbehave({ act: 'status', status: 500 })
	}

	async open(): Promise<number> {
		return (await this.#first.open()) + (await this.#second.open())
	}
}
