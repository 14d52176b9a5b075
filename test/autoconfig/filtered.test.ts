import test from 'ava'
import type { EnvironmentParams, FilterParams } from '../../lib/autoconfig/environment.ts'
import { environmentParams } from '../../lib/autoconfig/environment.ts'
import { filteredEnvironments } from '../../lib/autoconfig/filtered.ts'
import type { EnvironmentHandler } from '../../lib/autoconfig/handler.ts'
import { envRep } from './stream-server.ts'

const env = (id: string, projKey: string, envName = id): EnvironmentParams =>
	environmentParams(envRep(id, 1, { projKey, envName }))
const filter = (id: string, projKey: string, key: string): FilterParams => ({ id, projKey, key })

const recording = (): { readonly calls: string[]; readonly handler: Required<EnvironmentHandler> } => {
	const calls: string[] = []
	const of = ({ envId, identifiers }: EnvironmentParams): string =>
		`${envId}${identifiers.filterKey === undefined ? '' : `.${identifiers.filterKey}`} ${identifiers.envName}`
	const handler = filteredEnvironments({
		addEnvironment: params => void calls.push(`+ ${of(params)}`),
		updateEnvironment: params => void calls.push(`~ ${of(params)}`),
		deleteEnvironment: (id, key) => void calls.push(`- ${id}${key === undefined ? '' : `.${key}`}`),
		receivedAllEnvironments: () => void calls.push('all'),
	})
	return { calls, handler: handler as Required<EnvironmentHandler> }
}

/** The calls since the last time. */
const taken = (calls: string[]): string[] => calls.splice(0)

test('each filter of its project makes a copy of an environment, whichever comes first', async t => {
	const { calls, handler } = recording()
	await handler.addFilter(filter('p.x', 'p', 'x'))
	await handler.addEnvironment(env('a', 'p'))
	await handler.addEnvironment(env('b', 'q'))
	t.deepEqual(taken(calls), ['+ a a', '+ a.x a', '+ b b'])
	await handler.addFilter(filter('p.y', 'p', 'y'))
	await handler.addFilter(filter('q.y', 'q', 'y'))
	t.deepEqual(taken(calls), ['+ a.y a', '+ b.y b'])
})

test('an update reaches the copies, and those that are made later', async t => {
	const { calls, handler } = recording()
	await handler.addFilter(filter('p.x', 'p', 'x'))
	await handler.addEnvironment(env('a', 'p'))
	taken(calls)
	await handler.updateEnvironment(env('a', 'p', 'new'))
	await handler.addFilter(filter('p.y', 'p', 'y'))
	t.deepEqual(taken(calls), ['~ a new', '~ a.x new', '+ a.y new'])
})

test('an environment that moves to another project changes its copies', async t => {
	const { calls, handler } = recording()
	await handler.addFilter(filter('p.x', 'p', 'x'))
	await handler.addFilter(filter('p.both', 'p', 'both'))
	await handler.addFilter(filter('q.both', 'q', 'both'))
	await handler.addFilter(filter('q.y', 'q', 'y'))
	await handler.addEnvironment(env('a', 'p'))
	taken(calls)
	await handler.updateEnvironment(env('a', 'q', 'moved'))
	t.deepEqual(taken(calls), ['~ a moved', '~ a.both moved', '+ a.y moved', '- a.x'])
	await handler.deleteFilter('p.both')
	t.deepEqual(taken(calls), [], 'it is no concern of the other project')
	await handler.deleteEnvironment('a')
	t.deepEqual(taken(calls), ['- a.both', '- a.y', '- a'])
})

test('what is gone, or was never there, is not told of again', async t => {
	const { calls, handler } = recording()
	await handler.deleteEnvironment('a')
	await handler.deleteFilter('p.x')
	await handler.addEnvironment(env('a', 'p'))
	await handler.addFilter(filter('one', 'p', 'x'))
	await handler.addFilter(filter('two', 'p', 'x'))
	t.deepEqual(taken(calls), ['+ a a', '+ a.x a'])
	await handler.deleteFilter('one')
	t.deepEqual(taken(calls), [])
	await handler.deleteFilter('two')
	t.deepEqual(taken(calls), ['- a.x'])
	await handler.deleteEnvironment('a')
	await handler.deleteEnvironment('a')
	await handler.addFilter(filter('one', 'p', 'x'))
	t.deepEqual(taken(calls), ['- a'])
	await handler.receivedAllEnvironments({ source: 'stream', added: 0, updated: 0, deleted: 0, refused: 0 })
	t.deepEqual(taken(calls), ['all'])
})

test('a call that throws does not keep the others from being told', async t => {
	const calls: string[] = []
	const handler = filteredEnvironments({
		addEnvironment({ envId, identifiers }) {
			calls.push(`${envId} ${identifiers.filterKey ?? ''}`)
			if (identifiers.filterKey !== 'y') throw new Error(`not ${identifiers.filterKey ?? 'the first'}`)
		},
		updateEnvironment() {},
		deleteEnvironment() {},
	})
	await handler.addFilter?.(filter('p.x', 'p', 'x'))
	await handler.addFilter?.(filter('p.y', 'p', 'y'))
	await t.throwsAsync(async () => handler.addEnvironment(env('a', 'p')), { message: 'not the first' })
	t.deepEqual(calls, ['a ', 'a x', 'a y'])
})
