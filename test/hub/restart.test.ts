// What the fleet was told holds for who comes back: from what the others know, and from this node's own disk.
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import type { FleetOutcome, HubOptions } from '../../lib/hub/index.ts'
import { FakeFetcher } from '../../lib/testing/index.ts'
import { recordingLogger } from '../support/recording-logger.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { RatesTerm } from '../support/terms.ts'
import { waitFor } from '../support/wait.ts'
import { fleetOf, ToyTerm, type Fleet } from './fleet.ts'

/** A term that left version v1 on disk, whose source holds v2 by now. */
const termOf = async (t: ExecutionContext, { clock }: Fleet) => {
	const fetcher = new FakeFetcher()
	fetcher.publish('{"EUR":1}', { version: 'v1' })
	const options = {
		name: 'rates',
		fetcher,
		clock,
		logger: false,
		lastKnownGood: await temporaryFolder(t),
	} as const
	const before = new RatesTerm(options)
	await before.start()
	fetcher.publish('{"EUR":2}', { version: 'v2' })
	await before.update()
	await before.stop()
	const term = new RatesTerm(options)
	t.teardown(() => term.stop())
	const seen: Array<string | undefined> = []
	term.on('updated', ({ version }) => seen.push(version))
	return { term, seen, fetcher }
}

/** Moves the fleet's time on until the promise has settled. */
const during = async <T>({ clock }: Fleet, promise: Promise<T>): Promise<T> => {
	let isOver = false
	const watched = promise.finally(() => (isOver = true))
	watched.catch(() => undefined)
	while (!isOver) await clock.advance(20)
	return watched
}

const directoryOf = async (t: ExecutionContext, fleet: Fleet): Promise<Partial<HubOptions>> => {
	const directory = await temporaryFolder(t)
	const operator = await fleet.add('operator', 'v1', { directory })
	operator.pin('rates', 'v1')
	await during(fleet, operator.stop())
	return { directory }
}

for (const order of ['attached before it is synced', 'attached after it is synced']) {
	test(`a node that comes back while the fleet is pinned never holds another version (${order})`, async t => {
		const fleet = fleetOf(t, { latency: 50 })
		const operator = await fleet.add('operator', 'v1')
		operator.pin('rates', 'v1')
		const hub = await fleet.add('web')
		const { seen, term } = await termOf(t, fleet)
		if (order.includes('before')) hub.attach(term)
		t.true(await during(fleet, hub.synced()))
		if (order.includes('after')) hub.attach(term)
		t.is(term.health().pinnedVersion, 'v1')
		await during(fleet, term.start())
		await fleet.clock.advance(600_000)
		t.deepEqual(seen, ['v1'])
		t.like(
			hub.whoRuns('rates').find(({ node }) => node === 'web'),
			{ node: 'web', version: 'v1', pinned: 'v1' },
		)
	})
}

test('a node that has a pin on its disk obeys it with nobody else there', async t => {
	const fleet = fleetOf(t)
	const options = await directoryOf(t, fleet)
	const hub = await fleet.add('operator', undefined, options)
	const { seen, term } = await termOf(t, fleet)
	hub.attach(term)
	await during(fleet, term.start())
	await fleet.clock.advance(600_000)
	t.deepEqual(seen, ['v1'])
	t.like(hub.terms()[0], { name: 'rates', pinned: 'v1' })
})

test('a fleet that was stopped as a whole comes back with its pins, and those who never heard of them learn of them', async t => {
	const fleet = fleetOf(t)
	const options = await directoryOf(t, fleet)
	await fleet.add('operator', 'v1', options)
	const web = await fleet.add('web', 'v1')
	await fleet.until(() => web.term.pinned === 'v1')
	t.pass()
})

test('what a node has on its disk does not undo what was said while it was down', async t => {
	const fleet = fleetOf(t)
	const options = await directoryOf(t, fleet)
	const web = await fleet.add('web', 'v1')
	await fleet.clock.advance(1)
	web.unpin('rates')
	const operator = await fleet.add('operator', 'v1', options)
	await fleet.until(() => fleet.isConverged && operator.term.pinned === undefined)
	await fleet.clock.advance(120_000)
	t.is(web.term.pinned, undefined)
	t.is(operator.terms()[0]?.pinned, undefined)
})

test('a pin that nobody can carry out at the start is refused where that has been found out', async t => {
	const fleet = fleetOf(t)
	const operator = await fleet.add('operator')
	operator.pin('rates', 'v0')
	const hub = await fleet.add('web')
	const { term } = await termOf(t, fleet)
	hub.attach(term)
	await during(fleet, hub.synced())
	t.like(hub.whoRuns('rates')[0], { status: 'idle', pinned: 'v0', answers: { pin: { outcome: 'applied' } } })
	await during(fleet, term.start())
	const answer = () => operator.whoRuns('rates')[0]?.answers?.pin
	await fleet.until(() => answer()?.outcome === 'refused')
	t.like(answer(), { reason: { code: 'VERSION_UNAVAILABLE' } })
	t.is(term.version, 'v2')
})

test('what on disk is damaged, or is not ours, is none, and is said', async t => {
	const fleet = fleetOf(t)
	const { directory } = await directoryOf(t, fleet)
	const [file] = await readdir(directory!)
	const path = join(directory!, file!)
	const bytes = await readFile(path)
	await writeFile(path, bytes.subarray(0, -3))
	const logger = recordingLogger()
	const hub = await fleet.add('operator', 'v1', { directory, logger })
	t.is(hub.terms()[0]?.pinned, undefined)
	t.true(logger.lines.some(([level, line]) => level === 'warn' && line.includes('directives of fleet')))
})

test('a folder that takes nothing is said once, and the fleet goes on; what was meant for it is saved when it does', async t => {
	const fleet = fleetOf(t)
	const folder = await temporaryFolder(t)
	const directory = join(folder, 'in the way')
	await writeFile(directory, '')
	const logger = recordingLogger()
	const hub = await fleet.add('operator', 'v1', { directory: join(directory, 'below'), logger })
	const isWarning = ([level, line]: readonly [string, string]): boolean =>
		level === 'warn' && line.startsWith('Cannot save the directives of fleet')
	hub.pin('rates', 'v1')
	await waitFor(async () => {
		await fleet.clock.advance(20)
		return logger.lines.some(isWarning)
	})
	t.is(hub.term.pinned, 'v1')

	await rm(directory)
	await waitFor(async () => {
		await fleet.clock.advance(20)
		return logger.lines.some(([level, line]) => level === 'info' && line.endsWith('are saved again'))
	})
	t.is(logger.lines.filter(isWarning).length, 1)
	t.is((await readdir(join(directory, 'below'))).length, 1)
	await t.throwsAsync(fleet.add('else', 'v1', { directory: '' }), { code: 'INVALID_OPTION' })
})

test('whether anybody is there is said by synced, which ends with the hub or the caller’s patience', async t => {
	const fleet = fleetOf(t)
	const alone = await fleet.add('alone')
	const began = fleet.clock.monotonic()
	t.false(await during(fleet, alone.synced()))
	t.is(fleet.clock.monotonic() - began, 3_000)

	const leaving = await fleet.add('leaving', undefined, { joinDebounce: 60_000 })
	const controller = new AbortController()
	const given = leaving.synced({ signal: controller.signal })
	controller.abort()
	await t.throwsAsync(during(fleet, given), { code: 'STOPPED' })
	const waiting = leaving.synced()
	await leaving.stop()
	await t.throwsAsync(waiting, { code: 'STOPPED' })
	await t.throwsAsync(leaving.synced(), { code: 'STOPPED' })
})

test('a newcomer asks somebody who knows, learns hundreds of directives by that, and loses no time', async t => {
	const fleet = fleetOf(t, { latency: 50 })
	const operator = await fleet.add('operator', 'v1')
	for (let term = 0; term < 1_000; term++) operator.pin(`term ${term}`, 'v1')
	const late = await fleet.add('late')
	const began = fleet.clock.monotonic()
	t.true(await during(fleet, late.synced()))
	const took = fleet.clock.monotonic() - began
	t.true(took > 2_500, `${took} ms, since the operator had come up just now`)

	await fleet.clock.advance(10_000)
	const later = await fleet.add('later')
	const again = fleet.clock.monotonic()
	t.true(await during(fleet, later.synced()))
	t.true(fleet.clock.monotonic() - again < 1_000)
	for (const name of ['term 0', 'term 999']) {
		const term = new ToyTerm(name, 'v1')
		later.attach(term)
		t.is(term.pinned, 'v1')
	}
})

/** One of a user's own, which says less of itself than ours do. */
class TaciturnTerm extends ToyTerm {
	override async pin(version: string): Promise<FleetOutcome> {
		this.calls.push(`pin ${version}`)
		this.version = version
		this.emit('updated')
		return { status: 'updated', version: undefined }
	}
}

test('a term that says nothing of its pin is told of it once more when it has started, and then no more', async t => {
	const fleet = fleetOf(t)
	const hub = await fleet.add('web')
	hub.pin('rates', 'v1')
	const term = new TaciturnTerm('rates')
	term.version = undefined
	hub.attach(term)
	await fleet.clock.advance(1_000)
	for (let update = 0; update < 3; update++) {
		term.emit('updated')
		await fleet.clock.advance(1_000)
	}
	t.deepEqual(term.calls, ['pin v1', 'pin v1'])
})
