import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import type { Clock } from '../core/clock.ts'
import { messageOf, RemoteTermError } from '../core/errors.ts'
import { MAX_ENVELOPE_BYTES } from '../integrity/envelope.ts'
import { CliError } from './failure.ts'

/** What `keygen`, `sign` and `check` need of what is around a command. */
export interface SigningIo {
	readonly stdout: { write(text: string): unknown }
	readonly clock: Pick<Clock, 'now'>
	readonly signal?: AbortSignal | undefined
}

/** Where the signature of a file is kept, unless one says otherwise. */
export const signatureOf = (file: string): string => `${file}.sig`

/** SHA-256 of a file of any size, in hexadecimal, and its size in bytes. */
export const digestFile = async (
	file: string,
	{ signal }: SigningIo,
): Promise<{ readonly digest: string; readonly size: number }> => {
	const hash = createHash('sha256')
	let size = 0
	try {
		for await (const chunk of createReadStream(file, { signal }) as AsyncIterable<Buffer>) {
			hash.update(chunk)
			size += chunk.length
		}
	} catch (error) {
		throw cannotRead(file, error)
	}
	return { digest: hash.digest('hex'), size }
}

/** A key or an envelope. Longer files are neither. `undefined` where there is no such file. */
export const readShortFile = async (file: string): Promise<Uint8Array | undefined> => {
	try {
		const handle = await open(file)
		try {
			const buffer = new Uint8Array(MAX_ENVELOPE_BYTES + 1)
			let length = 0
			for (let read = -1; read !== 0 && length < buffer.length; length += read)
				read = (await handle.read(buffer, length, buffer.length - length)).bytesRead
			return buffer.subarray(0, length)
		} finally {
			await handle.close()
		}
	} catch (error) {
		if (isMissing(error)) return undefined
		throw cannotRead(file, error)
	}
}

export const readText = async (file: string): Promise<string> => {
	const bytes = await readShortFile(file)
	if (bytes === undefined) throw new RemoteTermError('FETCH_NOT_FOUND', `There is no file ${file}`)
	return new TextDecoder().decode(bytes)
}

/** A public key as it is given on the command line: itself, or the file that holds it. */
export const publicKeyFrom = async (given: string): Promise<string> =>
	given.startsWith('rtpk1:') || given.includes('-----BEGIN') ? given : readText(given)

/** Never over something that is there: a key that is overwritten is lost. */
export const writeNewFile = async (file: string, text: string, mode: number): Promise<void> => {
	try {
		const handle = await open(file, 'wx', mode)
		try {
			await handle.writeFile(text)
			await handle.sync()
		} finally {
			await handle.close()
		}
	} catch (error) {
		throw (error as NodeJS.ErrnoException).code === 'EEXIST'
			? existsAlready(file, error)
			: cannotWrite(file, error)
	}
}

/** All of it or none of it, for whoever reads it meanwhile. */
export const replaceFile = async (file: string, text: string, now: number): Promise<void> => {
	const temporary = `${file}.${process.pid}-${now}.tmp`
	await writeNewFile(temporary, text, 0o644)
	try {
		await rename(temporary, file)
	} catch (error) {
		await rm(temporary, { force: true })
		throw cannotWrite(file, error)
	}
}

const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT'

const cannotRead = (file: string, error: unknown): RemoteTermError => {
	const denied = (error as NodeJS.ErrnoException).code === 'EACCES'
	const code = isMissing(error) ? 'FETCH_NOT_FOUND' : denied ? 'FETCH_DENIED' : 'FETCH_FAILED'
	return new RemoteTermError(code, `Cannot read ${file}: ${messageOf(error)}`, { cause: error })
}

const cannotWrite = (file: string, error: unknown): CliError =>
	new CliError('OUTPUT_FAILED', `Cannot write ${file}: ${messageOf(error)}`, { cause: error })

export const existsAlready = (file: string, cause?: unknown): CliError =>
	new CliError('INVALID_OPTION', `${file} exists already, and is not overwritten`, {
		cause,
		hint: 'Take another name, or remove the file if nobody needs it any more.',
	})
