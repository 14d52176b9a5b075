import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath, pathToFileURL } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { systemClock } from '../../lib/core/clock.ts'
import type { Behaviour } from './faults.ts'
import { Publisher } from './publisher.ts'
import { Random } from './random.ts'
import type { World, WorldOptions } from './world.ts'
import { FileWorld } from './worlds/file.ts'
import { HttpWorld } from './worlds/http.ts'
import { S3World } from './worlds/s3.ts'

/** Far more than the child needs, and less than AVA allows. */
const LIMIT = 30_000

const options = (): WorldOptions => ({
	publisher: new Publisher({ random: new Random(1) }),
	clock: systemClock,
})

interface Ending {
	readonly code: number | null
	readonly told: string
}

const runChild = async (
	t: ExecutionContext,
	source: string,
	act: 'stop' | 'never-stop' | 'stop-in-flight',
	whenToStop?: () => Promise<void>,
): Promise<Ending> => {
	const script = fileURLToPath(new URL('./exit-child.js', import.meta.url))
	const child = spawn(process.execPath, [script, source, act], { stdio: ['pipe', 'pipe', 'inherit'] })
	const limit = setTimeout(() => child.kill('SIGKILL'), LIMIT)
	t.teardown(() => {
		clearTimeout(limit)
		child.kill('SIGKILL')
	})
	const exited = once(child, 'exit')
	if (whenToStop !== undefined) {
		await whenToStop()
		child.stdin.write('now')
	}
	const told = (await text(child.stdout)).trim()
	const [code] = (await exited) as [number | null]
	return { code, told }
}

const silenceOf = (world: World) => async (): Promise<void> => {
	while (!world.silent) await new Promise(resolve => void setImmediate(resolve))
}

test('a process ends by itself when the last of its HTTP terms is stopped', async t => {
	const world = await HttpWorld.open(t, options())
	t.deepEqual(await runChild(t, world.url, 'stop'), { code: 0, told: '1 1' })
})

test('a process ends by itself when the last of its S3 terms is stopped', async t => {
	const world = await S3World.open(t, options())
	t.deepEqual(await runChild(t, `${world.url}/?s3`, 'stop'), { code: 0, told: '1 1' })
})

test('a process ends by itself when the last of its file terms, which watch, is stopped', async t => {
	const world = await FileWorld.open(t, options())
	t.deepEqual(await runChild(t, pathToFileURL(world.path).href, 'stop'), { code: 0, told: '1 1' })
})

for (const [title, behaviour] of [
	['the headers', { act: 'silence', at: 'head' }],
	['the rest of a body', { act: 'silence', at: 'body' }],
] as ReadonlyArray<readonly [string, Behaviour]>) {
	test(`a process ends by itself when its terms are stopped while they wait for ${title}`, async t => {
		const world = await HttpWorld.open(t, options())
		await world.misbehave(behaviour)
		const ending = await runChild(t, world.url, 'stop-in-flight', silenceOf(world))
		t.deepEqual(ending, { code: 0, told: 'nothing nothing' })
	})
}

test('a process ends by itself when its terms are stopped while their source refuses connections', async t => {
	const world = await HttpWorld.open(t, options())
	await world.misbehave({ act: 'refuse' })
	t.deepEqual(await runChild(t, world.url, 'stop'), { code: 0, told: 'nothing nothing' })
})

test('a poll is no reason for a process to stay alive', async t => {
	const world = await FileWorld.open(t, options())
	t.deepEqual(await runChild(t, pathToFileURL(world.path).href, 'never-stop'), { code: 0, told: '1 1' })
})
