import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { silentLogger } from '../../lib/core/logger.ts'
import { openSnapshots, type FileSnapshotOptions } from '../../lib/last-known-good/store-fs.ts'
import type { Snapshot, SnapshotStore, SnapshotToSave } from '../../lib/last-known-good/store.ts'
import { FakeClock } from '../../lib/testing/fake-clock.ts'

/** A folder of the test's own, gone with it. */
export const folder = async (t: ExecutionContext): Promise<string> => {
	const path = await mkdtemp(join(tmpdir(), 'remote-term-'))
	t.teardown(() => rm(path, { recursive: true, force: true }))
	return path
}

export const open = (
	directory: string,
	options: Partial<Omit<FileSnapshotOptions, 'directory'>> = {},
): SnapshotStore =>
	openSnapshots({ directory, name: 'rates', clock: new FakeClock(), logger: silentLogger, ...options })

/** A snapshot whose body follows from its version, so that a mixture of two can be told. */
export const snapshotOf = (version: string, size = 200): SnapshotToSave => {
	const body = bodyOf(version, size)
	return {
		version,
		validator: version,
		digest: createHash('sha256').update(body).digest('hex'),
		kind: 'body',
		acceptedAt: 1,
		body,
	}
}

export const bodyOf = (version: string, size: number): Buffer =>
	Buffer.from(`${version};`.repeat(Math.ceil(size / (version.length + 1)))).subarray(0, size)

/** That everything in it is of one save. */
export const isWhole = ({ version, digest, body }: Snapshot): boolean =>
	createHash('sha256').update(body).digest('hex') === digest && bodyOf(version, body.length).equals(body)
