import { readFile } from 'node:fs/promises'
import { GatewayClient } from '../config/http/gateway-client.ts'
import { ConfigPusher } from '../config/push/pusher.ts'
import { parsePusherOptions, type ConfigPusherOptions } from '../config/push/pusher-options.ts'
import { messageOf, RemoteTermError } from '../core/errors.ts'
import { silentLogger } from '../core/logger.ts'
import { CliError } from './failure.ts'
import type { Io } from './io.ts'

/** What every command takes that talks to a gateway. */
export interface GatewayAddress {
	/** Default: `REMOTE_TERM_GATEWAY`. */
	readonly gateway?: string | undefined
	/** Default: the token in `REMOTE_TERM_TOKEN`, if there is one. */
	readonly tokenFile?: string | undefined
	/** Milliseconds. */
	readonly timeout?: number | undefined
	readonly verbose?: boolean | undefined
}

const optionsOf = (
	{ gateway, tokenFile, timeout }: GatewayAddress,
	{ env, clock }: Io,
): ConfigPusherOptions => {
	const url = gateway ?? env['REMOTE_TERM_GATEWAY']
	if (url === undefined || url.trim() === '')
		throw new CliError('INVALID_OPTION', 'Expected --gateway, the URL of the gateway', {
			hint: 'REMOTE_TERM_GATEWAY does the same.',
		})
	const given = env['REMOTE_TERM_TOKEN']?.trim()
	const token = tokenFile !== undefined ? () => readToken(tokenFile) : given === '' ? undefined : given
	return { url: url.trim(), token, timeout, clock, logger: silentLogger }
}

/** A gateway that can be pushed to, until the work is done. */
export const withPusher = async <Result>(
	address: GatewayAddress,
	io: Io,
	work: (pusher: ConfigPusher) => Promise<Result>,
): Promise<Result> => {
	const pusher = new ConfigPusher(optionsOf(address, io))
	try {
		return await work(pusher)
	} finally {
		await pusher.close()
	}
}

/** The same for whatever else can be asked. */
export const withClient = async <Result>(
	address: GatewayAddress,
	io: Io,
	work: (client: GatewayClient) => Promise<Result>,
): Promise<Result> => {
	const client = new GatewayClient(
		parsePusherOptions({ ...optionsOf(address, io), maxResponseBytes: 2 ** 28 }),
	)
	try {
		return await work(client)
	} finally {
		await client.close()
	}
}

/** Read when it is needed, so that a watch goes on with the token that has replaced this one. */
const readToken = async (path: string): Promise<string> => {
	try {
		return (await readFile(path, 'utf8')).trim()
	} catch (cause) {
		throw new RemoteTermError('INVALID_OPTION', `Cannot read --token-file ${path}: ${messageOf(cause)}`, {
			cause,
		})
	}
}
