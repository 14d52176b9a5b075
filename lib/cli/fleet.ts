import { sleep } from '../core/clock.ts'
import type { Drift, FleetNode, FleetRun } from '../hub/index.ts'
import { fleetText } from './fleet-text.ts'
import { DEFAULT_SCOPE, isVisitor, visitFleet, type FleetAddress } from './fleet-visit.ts'
import { interruptionOf, write, type Io } from './io.ts'

export interface FleetArguments extends FleetAddress {
	readonly json?: boolean | undefined
	readonly watch?: boolean | undefined
}

/** What is shown, and what `--json` prints. */
export interface FleetReport {
	readonly scope: string
	readonly at: string
	/** Without those who only visit. */
	readonly nodes: readonly FleetNode[]
	readonly drift: readonly Drift[]
}

/** Of changes, in `--watch`: so many looks a second at most. */
const BETWEEN_LOOKS = 250

/**
 * `remote-term fleet`: joins, looks, leaves.
 *
 * @throws `INVALID_OPTION`, `TRANSPORT_FAILED`
 */
export const fleet = async (
	{ json = false, watch = false, ...address }: FleetArguments,
	io: Io,
): Promise<void> => {
	const { clock, signal } = io
	const { scope = DEFAULT_SCOPE } = address
	try {
		await visitFleet(address, io, async (hub, changes) => {
			const show = (): Promise<void> => {
				const report: FleetReport = {
					...{ scope, at: new Date(clock.now()).toISOString() },
					nodes: hub.nodes().filter(({ isSelf, name }) => !isSelf && !isVisitor(name)),
					drift: hub.drift(),
				}
				const text = json ? `${JSON.stringify(plain(report))}\n` : fleetText(report, clock.now())
				return write(io.stdout, watch && !json ? `${text}\n` : text)
			}
			await show()
			while (watch) {
				await changes.next(signal)
				await sleep(clock, BETWEEN_LOOKS, { signal })
				await show()
			}
		})
	} catch (error) {
		// To be told to end is how a watch is meant to end.
		if (!watch || interruptionOf(signal) === undefined) throw error
	}
}

/** Fields that are always there, `null` where there is nothing to say. */
const plain = ({ drift, nodes, ...report }: FleetReport): unknown => ({
	...report,
	nodes: nodes.map(({ boot, name, runs, startedAt }) => ({
		...{ name, boot, startedAt: dateOf(startedAt) },
		runs: runs.map(plainRun),
	})),
	drift: drift.map(({ reason, version, ...lag }) => ({
		...lag,
		version: version ?? null,
		reason: reason ?? null,
	})),
})

const plainRun = ({
	error,
	kind,
	lastSuccessAt,
	name,
	pinned,
	refused,
	since,
	status,
	version,
}: FleetRun): unknown => ({
	...{ kind, name, status, version: version ?? null, since: dateOf(since) },
	...{ lastSuccessAt: dateOf(lastSuccessAt), pinned: pinned ?? null },
	...{ error: error ?? null, refused: refused ?? null },
})

const dateOf = (at: number | undefined): string | null =>
	at === undefined ? null : new Date(at).toISOString()
