import { RemoteTermError } from '../core/errors.ts'
import { CliError } from './failure.ts'
import { withPusher, type GatewayAddress } from './gateway-client.ts'
import { write, type Io } from './io.ts'
import { oneLine } from './quantities.ts'

export interface VerifyArguments extends GatewayAddress {
	readonly service: string
	readonly version: string
}

/**
 * `remote-term verify SERVICE VERSION`: whether the gateway has this version.
 *
 * @throws `VERSION_MISMATCH` where it has another; `FETCH_NOT_FOUND` where it knows no such service; and what
 *   `ConfigPusher.verify` does
 */
export const verify = async ({ service, version, ...address }: VerifyArguments, io: Io): Promise<void> => {
	const found = await withPusher(address, io, pusher =>
		pusher.verify(service, version, { signal: io.signal }),
	)
	switch (found.status) {
		case 'matched':
			return write(io.stdout, `${oneLine(`matched  ${service} ${version}`)}\n`)
		case 'mismatch':
			throw new CliError(
				'VERSION_MISMATCH',
				`Expected ${service} to have the version ${version}, it has ${found.stored}`,
			)
		case 'not_found':
			throw new RemoteTermError('FETCH_NOT_FOUND', `The gateway knows no service ${service}`)
	}
}
