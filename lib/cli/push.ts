import { readFile } from 'node:fs/promises'
import type { PushConfig } from '../config/push-config.ts'
import { collect } from '../core/bytes.ts'
import { messageOf, RemoteTermError } from '../core/errors.ts'
import { codecOf, loadCodec, type PushCodec } from './codecs.ts'
import { withPusher, type GatewayAddress } from './gateway-client.ts'
import { write, type Io } from './io.ts'
import { oneLine } from './quantities.ts'

export interface PushArguments extends GatewayAddress {
	/** A file, or `-` for stdin. */
	readonly file: string
	/** Default: by the extension of the file, else `json`. */
	readonly codec?: PushCodec | undefined
	readonly force?: boolean | undefined
	/** The outcome as one line of JSON. */
	readonly json?: boolean | undefined
}

const ISSUES_SHOWN = 20

/**
 * `remote-term push FILE`: the whole configuration of a service, once.
 *
 * @throws what `ConfigPusher.push` does; `FETCH_NOT_FOUND` and `DESERIALIZE_FAILED` for the file
 */
export const push = async (
	{ file, codec, force, json: asJson, ...address }: PushArguments,
	io: Io,
): Promise<void> => {
	try {
		const outcome = await withPusher(address, io, async pusher => {
			const config = await readConfig(file, codec, io)
			return pusher.push(config as PushConfig<unknown>, { force, signal: io.signal })
		})
		if (asJson) return await write(io.stdout, `${JSON.stringify(outcome)}\n`)
		const { status, service, configVersion, revision } = outcome
		const what = `${service} ${configVersion} (revision ${revision})`
		const more =
			outcome.status === 'skipped'
				? 'the gateway has this version'
				: `${outcome.added} added, ${outcome.changed} changed, ${outcome.removed} removed${
						outcome.previousVersion === undefined ? '' : `; before: ${outcome.previousVersion}`
					}`
		await write(io.stdout, `${oneLine(`${status}  ${what}: ${more}`)}\n`)
	} catch (thrown) {
		// Every fault on a line of its own, for the one error line of a command has room for few.
		if (thrown instanceof RemoteTermError) {
			for (const { path, message } of (thrown.issues ?? []).slice(0, ISSUES_SHOWN))
				io.stderr.write(`  /${oneLine(`${path.join('/')}: ${message}`)}\n`)
		}
		throw thrown
	}
}

const readConfig = async (file: string, codec: PushCodec | undefined, io: Io): Promise<unknown> => {
	const content = await readContent(file, io)
	const decode = await loadCodec(codec ?? (codecOf(file) === 'msgpack' ? 'msgpack' : 'json'))
	return decode(content)
}

const readContent = async (file: string, { stdin }: Io): Promise<Uint8Array> => {
	if (file === '-') return stdin === undefined ? new Uint8Array() : collect(stdin)
	try {
		return await readFile(file)
	} catch (cause) {
		const code = (cause as { code?: unknown }).code === 'ENOENT' ? 'FETCH_NOT_FOUND' : 'FETCH_FAILED'
		throw new RemoteTermError(code, `Cannot read ${file}: ${messageOf(cause)}`, { cause })
	}
}
