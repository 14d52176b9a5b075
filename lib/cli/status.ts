import { z } from 'zod'
import type { GatewayClient } from '../config/http/gateway-client.ts'
import { sleep } from '../core/clock.ts'
import { RemoteTermError } from '../core/errors.ts'
import { describeFailure } from './failure.ts'
import { withClient, type GatewayAddress } from './gateway-client.ts'
import { interruptionOf, write, type Io } from './io.ts'
import { formatDuration, oneLine } from './quantities.ts'
import { secretsOfEnvironment } from './secrets.ts'

export interface StatusArguments extends GatewayAddress {
	/** One JSON document; with `watch`, one a line. */
	readonly json?: boolean | undefined
	/** Again and again, until it is told to end. */
	readonly watch?: boolean | undefined
	/** Between two looks, in milliseconds. */
	readonly interval?: number | undefined
}

const fault = z.looseObject({ code: z.string(), message: z.string() })
type Fault = z.output<typeof fault>

/** As much of the gateway's answer as is shown. */
const statusSchema = z.looseObject({
	gateway: z.looseObject({ status: z.string(), version: z.string(), items: z.number() }),
	services: z.array(
		z.looseObject({
			service: z.string(),
			configVersion: z.string(),
			revision: z.number(),
			items: z.number(),
			source: z.string(),
			committedAt: z.number(),
		}),
	),
	pulls: z.array(
		z.looseObject({
			service: z.string(),
			status: z.string(),
			consecutiveFailures: z.number(),
			lastError: fault.optional(),
		}),
	),
	failures: z.array(
		z.looseObject({
			service: z.string().optional(),
			source: z.string(),
			reasons: z.array(z.string()),
			lastAt: z.number(),
		}),
	),
	stream: z
		.looseObject({
			state: z.string(),
			items: z.number(),
			clients: z.number(),
			connected: z.number(),
			refused: z.number(),
			dropped: z.number(),
			lastChangeAt: z.number().optional(),
			upstream: z
				.looseObject({
					state: z.string(),
					stateSince: z.number(),
					lastEventAt: z.number().optional(),
					lastError: fault.optional(),
				})
				.optional(),
		})
		.optional(),
})
type Status = z.output<typeof statusSchema>

/**
 * `remote-term status`: the gateway, its services, its pulls, its stream and the latest failures.
 *
 * @throws `FETCH_*`; with `watch` only what will hardly be over the next time, and the rest is a line on stderr
 */
export const status = async (
	{ json, watch, interval = 2_000, ...address }: StatusArguments,
	io: Io,
): Promise<void> =>
	withClient(address, io, async client => {
		for (;;) {
			try {
				const found = await ask(client, io)
				await write(io.stdout, json ? `${JSON.stringify(found)}\n` : render(found, io.clock.now()))
			} catch (error) {
				// To be told to end is how a watch ends.
				if (watch && interruptionOf(io.signal) !== undefined) return
				if (!watch || !mayBeOver(error)) throw error
				await write(io.stderr, describeFailure(error, { secrets: secretsOfEnvironment(io.env) }))
			}
			if (!watch) return
			try {
				await sleep(io.clock, interval, { signal: io.signal })
			} catch (error) {
				if (interruptionOf(io.signal) !== undefined) return
				throw error
			}
		}
	})

/** No retry mends what the caller said, and who brings a token that is not good again and again is soon asked to wait. */
const LASTING: ReadonlySet<string> = new Set(['INVALID_OPTION', 'FETCH_DENIED', 'FETCH_NOT_FOUND'])

/** Whether a watch goes on: a gateway that restarts, or takes long, is there again later. */
const mayBeOver = (error: unknown): error is RemoteTermError =>
	error instanceof RemoteTermError && !LASTING.has(error.code)

const ask = async (client: GatewayClient, { signal }: Io): Promise<Status> => {
	const answer = await client.ask({ method: 'GET', path: 'v1/status', signal })
	const { data } = statusSchema.safeParse(answer)
	if (data !== undefined) return data
	throw new RemoteTermError(
		'FETCH_STATUS',
		'Expected the status of a gateway, got something else: is --gateway right?',
	)
}

const render = ({ gateway, services, pulls, failures, stream }: Status, now: number): string => {
	const ago = (at: number | undefined): string =>
		at === undefined ? 'never' : `${formatDuration(Math.max(0, now - at))} ago`
	const upstream = stream?.upstream
	const lines = [
		[
			`gateway  ${gateway.status}`,
			`version ${gateway.version}`,
			counted(services.length, 'service'),
			counted(gateway.items, 'item'),
		].join('  '),
		...table(
			['service', 'version', 'revision', 'items', 'from', 'committed'],
			services.map(one => [
				...[one.service, one.configVersion, String(one.revision), String(one.items), one.source],
				ago(one.committedAt),
			]),
		),
		...table(
			['pull', 'status', 'failures', 'last error'],
			pulls.map(({ service, status: how, consecutiveFailures, lastError }) => [
				...[service, how, String(consecutiveFailures)],
				said(lastError),
			]),
		),
		...table(
			['stream', 'clients', 'items', 'last change', 'connected', 'refused', 'dropped'],
			stream === undefined
				? []
				: [
						[
							...[stream.state, String(stream.clients), String(stream.items), ago(stream.lastChangeAt)],
							...[stream.connected, stream.refused, stream.dropped].map(String),
						],
					],
		),
		...table(
			['upstream', 'since', 'last event', 'last error'],
			upstream === undefined
				? []
				: [
						[
							...[upstream.state, ago(upstream.stateSince), ago(upstream.lastEventAt)],
							said(upstream.lastError),
						],
					],
		),
		...table(
			['failure', 'by', 'last', 'reasons'],
			failures.map(({ service = '', source, reasons, lastAt }) => [
				service,
				source,
				ago(lastAt),
				reasons.join('; '),
			]),
		),
	]
	return `${lines.join('\n')}\n`
}

const said = (error: Fault | undefined): string =>
	error === undefined ? '' : `${error.code}: ${error.message}`

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`

/** Nothing where there are no rows. The last column may be as long as it likes. */
const table = (heads: readonly string[], rows: ReadonlyArray<readonly string[]>): readonly string[] => {
	if (rows.length === 0) return []
	const cells = [heads, ...rows.map(row => row.map(oneLine))]
	const widths = heads.map((_, column) => Math.max(...cells.map(row => row[column]?.length ?? 0)))
	return [
		'',
		...cells.map(row =>
			row
				.map((cell, column) => cell.padEnd(widths[column]!))
				.join('  ')
				.trimEnd(),
		),
	]
}
