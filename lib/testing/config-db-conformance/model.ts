import assert from 'node:assert/strict'
import { item, type Check, type Session } from './session.ts'

/** The same numbers for the same seed, on every machine. */
const numbers = (seed: number): ((below: number) => number) => {
	let state = seed
	return below => {
		state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
		return Math.floor((state / 2 ** 32) * below)
	}
}

interface ModelService {
	items: Map<string, number>
	readonly disabled: Set<string>
}

/** What a database should hold, by the simplest means. */
class Model {
	readonly services = new Map<string, ModelService>()

	get(service: string): ModelService {
		const found = this.services.get(service) ?? { items: new Map<string, number>(), disabled: new Set() }
		this.services.set(service, found)
		return found
	}

	describe(): string[] {
		return [...this.services]
			.flatMap(([service, { items, disabled }]) =>
				[...items].map(
					([key, value]) => `${service} ${key} = ${value}${disabled.has(key) ? ' disabled' : ''}`,
				),
			)
			.sort()
	}
}

const describe = ({ db }: Session): string[] =>
	db
		.services()
		.flatMap(({ service }) =>
			db
				.items(service)
				.map(
					({ item: { requestType, version, value }, disabled }) =>
						`${service} ${requestType} ${version} = ${String(value)}${disabled ? ' disabled' : ''}`,
				),
		)
		.sort()

const STEPS = 120
const SERVICES = ['a', 'b', 'c']
const TYPES = ['x', 'y', 'z']
const VERSIONS = ['0.0.0', '1.0.0', '2.0.0-rc.1']

export const modelChecks: readonly Check[] = [1, 2, 3].map(seed => ({
	title: `any sequence of writes leaves what the simplest model says it should (seed ${seed})`,
	async run(session) {
		const below = numbers(seed)
		const one = (list: readonly string[]): string => list[below(list.length)]!
		const model = new Model()
		for (let step = 0; step < STEPS; step++) {
			const service = one(SERVICES)
			const requestType = one(TYPES)
			const version = one(VERSIONS)
			const key = `${requestType} ${version}`
			const dice = below(10)
			if (dice < 6) {
				const items = new Map<string, number>()
				for (let more = below(6); more >= 0; more--) items.set(`${one(TYPES)} ${one(VERSIONS)}`, below(3))
				await session.commit(
					[...items].map(([name, value]) => {
						const [type = '', of = ''] = name.split(' ')
						return item(type, of, { value })
					}),
					{ service },
				)
				model.get(service).items = items
			} else if (dice < 9) {
				const disabled = dice < 8
				const outcome = await session.within(
					'setDisabled',
					session.db.setDisabled(service, { requestType, version }, disabled),
				)
				const state = model.get(service)
				const expected = !state.items.has(key)
					? 'not_found'
					: state.disabled.has(key) === disabled
						? 'unchanged'
						: 'changed'
				assert.equal(outcome, expected)
				if (expected === 'changed' && disabled) state.disabled.add(key)
				if (expected === 'changed' && !disabled) state.disabled.delete(key)
			} else {
				await session.within('delete', session.db.delete(service))
				model.services.delete(service)
			}
			assert.deepEqual(describe(session), model.describe())
			assert.equal(session.db.size, model.describe().length)
		}
	},
}))
