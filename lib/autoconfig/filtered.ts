import type { EnvironmentParams, FilterParams } from './environment.ts'
import type { EnvironmentHandler } from './handler.ts'

/** What is told of environments and their filtered copies. A copy has its filter's key in `identifiers.filterKey`. */
export interface FilteredEnvironmentHandler extends Omit<
	EnvironmentHandler,
	'deleteEnvironment' | 'addFilter' | 'deleteFilter'
> {
	/** `filterKey` is there for a filtered copy. */
	deleteEnvironment(envId: string, filterKey?: string): unknown
}

interface Project {
	readonly environments: Map<string, EnvironmentParams>
	/** By id. */
	readonly filters: Map<string, FilterParams>
}

/**
 * Tells a handler of each environment once as it is, and once for each payload filter of its project (SPEC §1.9).
 *
 * An update reaches the copies and those that are made later; an environment that moves to another project loses the
 * copies of the one and gets those of the other; two filters with one key are one. Nothing is told that was told before,
 * nor of what was never there.
 */
export const filteredEnvironments = (handler: FilteredEnvironmentHandler): EnvironmentHandler => {
	const projects = new Map<string, Project>()
	/** Where each is, since a deletion does not say. */
	const projectOfEnvironment = new Map<string, string>()
	const projectOfFilter = new Map<string, string>()

	const projectOf = (key: string): Project => {
		const known = projects.get(key)
		if (known !== undefined) return known
		const created: Project = { environments: new Map(), filters: new Map() }
		projects.set(key, created)
		return created
	}
	const tidy = (key: string): void => {
		const { environments, filters } = projectOf(key)
		if (environments.size === 0 && filters.size === 0) projects.delete(key)
	}
	const keysOf = (project: Project): Set<string> =>
		new Set([...project.filters.values()].map(({ key }) => key))

	const copies = (
		name: 'addEnvironment' | 'updateEnvironment',
		params: EnvironmentParams,
		keys: Iterable<string>,
	): Told[] => [...keys].map(key => () => handler[name](filteredBy(params, key)))
	const removals = (envId: string, keys: Iterable<string>): Told[] =>
		[...keys].map(key => () => handler.deleteEnvironment(envId, key))

	return {
		...rest(handler),
		addEnvironment(params) {
			const { projKey } = params.identifiers
			const project = projectOf(projKey)
			project.environments.set(params.envId, params)
			projectOfEnvironment.set(params.envId, projKey)
			return tell([
				() => handler.addEnvironment(params),
				...copies('addEnvironment', params, keysOf(project)),
			])
		},
		updateEnvironment(params) {
			const { envId } = params
			const { projKey } = params.identifiers
			const before = projectOfEnvironment.get(envId) ?? projKey
			const old = keysOf(projectOf(before))
			if (before !== projKey) {
				projectOf(before).environments.delete(envId)
				tidy(before)
			}
			const project = projectOf(projKey)
			project.environments.set(envId, params)
			projectOfEnvironment.set(envId, projKey)
			const keys = keysOf(project)
			return tell([
				() => handler.updateEnvironment(params),
				...copies(
					'updateEnvironment',
					params,
					[...keys].filter(key => old.has(key)),
				),
				...copies(
					'addEnvironment',
					params,
					[...keys].filter(key => !old.has(key)),
				),
				...removals(
					envId,
					[...old].filter(key => !keys.has(key)),
				),
			])
		},
		deleteEnvironment(envId) {
			const projKey = projectOfEnvironment.get(envId)
			if (projKey === undefined) return undefined
			const keys = keysOf(projectOf(projKey))
			projectOf(projKey).environments.delete(envId)
			projectOfEnvironment.delete(envId)
			tidy(projKey)
			return tell([...removals(envId, keys), () => handler.deleteEnvironment(envId)])
		},
		addFilter(filter) {
			const project = projectOf(filter.projKey)
			const isNew = !keysOf(project).has(filter.key)
			project.filters.set(filter.id, filter)
			projectOfFilter.set(filter.id, filter.projKey)
			if (!isNew) return undefined
			return tell(
				[...project.environments.values()].flatMap(one => copies('addEnvironment', one, [filter.key])),
			)
		},
		deleteFilter(id) {
			const projKey = projectOfFilter.get(id)
			if (projKey === undefined) return undefined
			const project = projectOf(projKey)
			const key = project.filters.get(id)?.key
			project.filters.delete(id)
			projectOfFilter.delete(id)
			const environments = [...project.environments.keys()]
			tidy(projKey)
			if (key === undefined || keysOf(project).has(key)) return undefined
			return tell(environments.flatMap(envId => removals(envId, [key])))
		},
	}
}

type Told = () => unknown

/** One after the other, each of them whatever became of those before it; then throws what the first one threw. */
const tell = async (calls: readonly Told[]): Promise<void> => {
	const failures: unknown[] = []
	for (const call of calls) {
		try {
			await call()
		} catch (error) {
			failures.push(error)
		}
	}
	if (failures.length > 0) throw failures[0]
}

const filteredBy = (params: EnvironmentParams, filterKey: string): EnvironmentParams => ({
	...params,
	identifiers: { ...params.identifiers, filterKey },
})

/** The callbacks that pass as they are, with the `this` that they expect. */
const rest = (
	handler: FilteredEnvironmentHandler,
): Pick<EnvironmentHandler, 'receivedAllEnvironments' | 'keyExpired' | 'refused' | 'statusChanged'> => ({
	receivedAllEnvironments: received => handler.receivedAllEnvironments?.(received),
	keyExpired: (envId, key, reason) => handler.keyExpired?.(envId, key, reason),
	refused: refused => handler.refused?.(refused),
	statusChanged: status => handler.statusChanged?.(status),
})
