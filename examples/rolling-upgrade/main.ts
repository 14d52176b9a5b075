/**
 * Three shops, upgraded one after the other while prices change all the time. Until the last of them speaks version 2,
 * each sees what the others sell in a form that it understands. Exits with 1 if anybody misunderstood anybody.
 *
 *     npm run build && node dist/examples/rolling-upgrade/main.js
 */
import assert from 'node:assert/strict'
import { DataPublisher } from 'remote-term/publisher'
import { MemoryNetwork } from 'remote-term/transports/memory'
import { Version1, Version2 } from './prices.ts'

const network = new MemoryNetwork({ latency: 1 })
const names = ['amsterdam', 'berlin', 'cairo']

const open1 = (name: string) => {
	const transport = network.join(name)
	const publisher = DataPublisher.start('prices', new Version1(), { transport })
	return { transport, publisher, changeMilk: (cents: number) => publisher.update({ milk: cents / 100 }) }
}
const open2 = (name: string) => {
	const transport = network.join(name)
	const publisher = DataPublisher.start('prices', new Version2(), { transport })
	const changeMilk = (cents: number) => publisher.update({ milk: { amount: cents / 100, currency: 'EUR' } })
	return { transport, publisher, changeMilk }
}

const shops = new Map<string, ReturnType<typeof open1> | ReturnType<typeof open2>>()
for (const name of names) {
	const shop = open1(name)
	await shop.publisher.update({ tea: 3 })
	shops.set(name, shop)
}

const seen = (): void => {
	for (const [name, { publisher }] of [...shops].sort(([a], [b]) => (a < b ? -1 : 1))) {
		const view = [...(publisher.view as ReadonlyMap<string, unknown>)]
			.map(([id, prices]) => `${id.split('#')[0]!} ${JSON.stringify(prices)}`)
			.sort()
		console.log(`  ${name} (version ${publisher.status().version}) sees ${view.join(', ')}`)
	}
}

const settled = async (): Promise<void> => {
	const all = [...shops.values()].map(({ publisher }) => publisher)
	const isSettled = (): boolean =>
		all
			.map(publisher => publisher.status().peers)
			.every(peers => peers.length === all.length - 1 && peers.every(({ state }) => state === 'synced'))
	while (!isSettled()) await new Promise(resolve => setTimeout(resolve, 5))
	for (const publisher of all) await publisher.flush()
}

/** Prices that change all the time: milk gets a cent dearer with each update, wherever it is sold. */
let cents = 0
const changing = setInterval(() => {
	cents++
	for (const shop of shops.values()) void shop.changeMilk(cents)
}, 1)

/** Everybody's milk costs the same by now, in whatever form it is told. */
const check = (): void => {
	for (const { publisher } of shops.values()) {
		const { peers, rebuilt, version } = publisher.status()
		assert.equal(rebuilt, 0, 'nothing came that could not be applied')
		for (const { peer, version: theirs } of peers)
			assert.equal(theirs, shops.get(peer.name)!.publisher.status().version)
		for (const prices of publisher.view.values()) {
			const milk: unknown = prices['milk']
			assert.equal(version === 1 ? milk : (milk as { amount: number }).amount, cents / 100)
		}
	}
}

await settled()
console.log('Before the upgrade')
seen()
for (const name of names) {
	const old = shops.get(name)!
	shops.delete(name)
	await old.publisher.stop()
	await old.transport.close()
	const shop = open2(name)
	await shop.publisher.update({ tea: { amount: 4, currency: 'USD' }, coffee: { amount: 5, currency: 'EUR' } })
	shops.set(name, shop)
	await settled()
	console.log(`${name} is upgraded`)
	seen()
}
clearInterval(changing)
for (const shop of shops.values()) void shop.changeMilk(cents)
await settled()
check()
console.log(`${cents} changes of the price of milk were understood by everybody`)
for (const { publisher, transport } of shops.values()) {
	await publisher.stop()
	await transport.close()
}
