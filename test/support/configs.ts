import { MemoryConfigDb, type PushConfig, type PushedFunConfig } from '../../lib/config/index.ts'
import { silentLogger } from '../../lib/core/logger.ts'

/** A function that nothing is wrong with. */
export const fun = (requestType: string, more: Partial<PushedFunConfig> = {}): PushedFunConfig => ({
	requestType,
	nodes: ['https://orders.example.com'],
	target: `/${requestType}`,
	...more,
})

/** A push that nothing is wrong with. */
export const push = (
	service: string,
	configVersion: string,
	items: readonly PushedFunConfig[] = [fun('create')],
	more: Partial<PushConfig> = {},
): PushConfig => ({ service, nodes: ['https://orders.example.com'], configVersion, items, ...more })

export const openMemory = async (): Promise<MemoryConfigDb> => {
	const db = new MemoryConfigDb({ logger: silentLogger })
	await db.open()
	return db
}

/** The items of a version, by which it can be told whether it is there whole: each says which version it is of. */
export const itemsOf = (version: number): PushedFunConfig[] =>
	Array.from({ length: 1 + (version % 5) }, (_, index) => fun(`r${index}`, { target: `/v${version}` }))

/** A database of which some methods do something else. */
export const instead = <Db extends object>(db: Db, methods: Partial<Db>): Db =>
	new Proxy(db, {
		get(target, name) {
			const own: unknown = Reflect.get(name in methods ? methods : target, name)
			return typeof own === 'function' ? (own.bind(target) as unknown) : own
		},
	})
