import { reasonOf } from '../../core/clock.ts'
import { RemoteTermError } from '../../core/errors.ts'
import type { ConfigDb, ConfigItem, ServiceRecord } from '../config-db.ts'
import { isDowngrade } from '../item-version.ts'
import type { ServiceConfig } from '../push-config.ts'
import type { PushOutcome } from './receiver-contract.ts'

/** A change that has been checked, as far as that is possible without knowing what is stored. */
export interface Candidate<Item> {
	readonly service: string
	readonly configVersion: string
	readonly source: 'push' | 'pull'
	readonly items: readonly Item[]
	readonly nodes: readonly string[]
	readonly pull: ServiceConfig | undefined
	readonly publishedAt?: number | undefined
}

/** It may depend on what is stored: asked again with each decision. */
export type CandidateFor<Item> = (record: ServiceRecord<ServiceConfig> | undefined) => Candidate<Item>

/** What to do with a candidate, given what is stored. Throws what it is refused with. */
export type Decide<Item> = (
	record: ServiceRecord<ServiceConfig> | undefined,
	candidate: Candidate<Item>,
) => 'store' | 'skip'

/** The rule of pushes without force: what is there is not stored again, and what is lower does not replace it. */
export const unlessStored: Decide<unknown> = (record, { service, configVersion }) => {
	if (record === undefined) return 'store'
	if (record.configVersion === configVersion) return 'skip'
	if (!isDowngrade(record.configVersion, configVersion)) return 'store'
	throw new RemoteTermError(
		'DOWNGRADE_REFUSED',
		`Service ${service} has version ${record.configVersion}, and ${configVersion} is lower; force it to go back`,
	)
}

/** Where other gateways write the same service all the time, somebody has to give in. */
const MAX_DECISIONS = 8

/** A push grows what all services hold together only up to a bound; those under way at the same time may overstep it a little. */
const refuseGrowth = <Item extends ConfigItem>(
	db: ConfigDb<Item, ServiceConfig>,
	{ service, items }: Candidate<Item>,
	maxItemsInAll: number,
): void => {
	const held = db.items(service).length
	const inAll = db.size - held + items.length
	if (items.length <= held || inAll <= maxItemsInAll) return
	throw new RemoteTermError(
		'TOO_LARGE',
		`With service ${service} there would be ${inAll} items in all, and there may be ${maxItemsInAll} (maxItemsInAll)`,
	)
}

/**
 * Decides and stores. Where another gateway was faster, the decision rests on what is no longer true: it is made again,
 * a bounded number of times. Not where the caller has said what its candidate rests on.
 *
 * @param signal when it is aborted nothing is stored any more; what is being stored is not interrupted
 * @throws `CONFLICT`, `DATABASE_FAILED`, the signal's reason, and what `decide` throws
 */
export const storeCandidate = async <Item extends ConfigItem>(
	db: ConfigDb<Item, ServiceConfig>,
	service: string,
	candidateFor: CandidateFor<Item>,
	decide: Decide<Item>,
	{
		expectedRevision,
		maxItemsInAll,
		signal,
	}: {
		readonly expectedRevision?: number | undefined
		readonly maxItemsInAll: number
		readonly signal?: AbortSignal | undefined
	},
): Promise<PushOutcome> => {
	for (let decisions = 1; ; decisions++) {
		if (signal?.aborted) throw reasonOf(signal)
		const record = db.service(service)
		const candidate = candidateFor(record)
		const { configVersion } = candidate
		if (record !== undefined && decide(record, candidate) === 'skip') {
			const { revision } = record
			return { status: 'skipped', reason: 'version_matches', service, configVersion, revision }
		}
		refuseGrowth(db, candidate, maxItemsInAll)
		try {
			const { revision, added, changed, removed } = await db.commit({
				...candidate,
				expectedRevision: expectedRevision ?? record?.revision ?? 0,
			})
			return {
				...{ status: 'accepted', service, configVersion, revision },
				previousVersion: record?.configVersion,
				...{ added: added.length, changed: changed.length, removed: removed.length },
			}
		} catch (error) {
			const again = expectedRevision === undefined && decisions < MAX_DECISIONS
			if (!again || !(error instanceof RemoteTermError) || error.code !== 'CONFLICT') throw error
		}
	}
}
