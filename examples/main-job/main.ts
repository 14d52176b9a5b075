/**
 * The main job, end to end: an origin on loopback serves two large real documents; two terms keep them hot while the
 * origin publishes, publishes rubbish, dies and comes back. Ends by itself; exits with 1 if anything was not as told.
 */
import assert from 'node:assert/strict'
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { json, RemoteTerm } from 'remote-term'
import { HttpFetcher } from 'remote-term/fetchers/http'
import { nextOutcome, readsPerSecond, say, tell } from './narrate.ts'
import type { Order } from './origin.ts'

interface City {
	readonly name: string
	readonly country: string
}

interface CompatData {
	readonly __meta: { readonly version: string; readonly timestamp: string }
	readonly api: Readonly<Record<string, unknown>>
}

class Cities extends RemoteTerm<readonly City[]> {
	protected override deserialize = json<readonly City[]>

	protected override validate(cities: readonly City[]): void {
		if (!Array.isArray(cities) || cities.length < 100_000)
			throw new Error('expected an array of 100,000 cities or more')
	}
}

class Compat extends RemoteTerm<CompatData> {
	protected override deserialize = json<CompatData>
}

let origin: ChildProcess

const startOrigin = async (port = 0): Promise<number> => {
	origin = fork(fileURLToPath(new URL('./origin.js', import.meta.url)), [String(port)], { execArgv: [] })
	const exited = once(origin, 'exit').then(([code]) => {
		throw new Error(`The origin ended with ${code} before it was ready`)
	})
	const [{ port: bound }] = (await Promise.race([once(origin, 'message'), exited])) as [{ port: number }]
	exited.catch(() => {})
	return bound
}

const order = async (what: Order): Promise<void> => {
	origin.send(what)
	await once(origin, 'message')
}

const began = performance.now()
// A poll is no reason for a process to stay alive, and while the origin is dead nothing else is. A service has its server.
const alive = setInterval(() => {}, 1_000)
say('Starting an origin on loopback with two real documents …')
const port = await startOrigin()
const urlOf = (path: string): string => `http://127.0.0.1:${port}${path}`

// No interval: the origin's own Cache-Control (max-age=1) says when to ask again.
const common = { refreshInterval: null, logger: false, backoff: { base: 250, cap: 1_000 } } as const
await using cities = new Cities({ ...common, fetcher: new HttpFetcher({ url: urlOf('/cities.json') }) })
await using compat = new Compat({ ...common, fetcher: new HttpFetcher({ url: urlOf('/compat.json') }) })

say('\nThe first load')
const loads = [nextOutcome(cities), nextOutcome(compat)]
await Promise.all([cities.start(), compat.start()])
for (const load of await Promise.all(loads)) tell(load)
say(
	`  ${cities.get()!.length.toLocaleString('en')} cities; browser-compat-data ${compat.get()!.__meta.version}`,
)

say('\nNothing new: a conditional request, answered with 304')
const unchanged = await nextOutcome(cities, 'unchanged')
tell(unchanged)

say('\nThe origin publishes a new revision of both')
const held = cities.get()!
const news = [nextOutcome(cities, 'updated'), nextOutcome(compat, 'updated')]
await order({ publish: '/cities.json', revision: 2 })
await order({ publish: '/compat.json', revision: 2 })
for (const update of await Promise.all(news)) tell(update)
assert.equal(cities.get()!.length, held.length + 1)
assert.equal(compat.get()!.__meta.timestamp, 'revision 2')
say(
	`  ${cities.get()!.length.toLocaleString('en')} cities; whoever still holds the old array still has ${held.length.toLocaleString('en')}`,
)

say('\nThe origin publishes rubbish: a damaged gzip, and an error page with status 200')
const before = { cities: cities.get(), compat: compat.get() }
const refusals = [nextOutcome(cities, 'failed'), nextOutcome(compat, 'failed')]
await order({ corrupt: '/cities.json' })
await order({ errorPage: '/compat.json' })
for (const refusal of await Promise.all(refusals)) tell(refusal)
assert.equal(cities.get(), before.cities)
assert.equal(compat.get(), before.compat)
say('  The values in place are the very same as before.')

say('\nThe origin dies')
const failed = nextOutcome(
	cities,
	'failed',
	outcome => outcome.status === 'failed' && outcome.error.code.startsWith('FETCH'),
)
origin!.kill('SIGKILL')
await once(origin!, 'exit')
tell(await failed)
const { status, consecutiveFailures, nextRefreshAt } = cities.health()
say(
	`  health: ${status}, ${consecutiveFailures} failures in a row, next attempt in ${Math.round(nextRefreshAt! - Date.now())} ms`,
)

const speed = readsPerSecond(turn => {
	const all = cities.get()!
	return all[(turn * 7919) % all.length]!.name.length
})
say(
	`  meanwhile: ${speed.toFixed(0)} million reads per second, each of another of ${cities.get()!.length.toLocaleString('en')} cities`,
)

say('\nThe origin comes back, with a third revision')
const recovered = nextOutcome(cities, 'updated')
await startOrigin(port)
await order({ publish: '/cities.json', revision: 3 })
tell(await recovered)
// It came back with its first revision, so what follows may take one refresh more.
while (cities.get()!.length !== held.length + 2) tell(await nextOutcome(cities, 'updated'))
assert.equal(cities.health().status, 'ready')
say(`  ${cities.get()!.length.toLocaleString('en')} cities, ready again`)

await Promise.all([cities.stop(), compat.stop()])
origin!.kill()
clearInterval(alive)
say(
	`\nDone in ${((performance.now() - began) / 1000).toFixed(1)} s. Nothing is left running, so the process ends by itself.`,
)
