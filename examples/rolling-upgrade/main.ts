/**
 * Three shops, upgraded one after the other while prices change all the time. Until the last of them speaks version 2,
 * each sees what the others sell in a form that it understands.
 *
 *     npm run build && node dist/examples/rolling-upgrade/main.js
 */
import { DataPublisher } from '../../lib/publisher/index.ts'
import { MemoryNetwork } from '../../lib/transports/memory.ts'
import { Version1, Version2 } from './prices.ts'

const network = new MemoryNetwork({ latency: 1 })
const names = ['amsterdam', 'berlin', 'cairo']

const open1 = (name: string) => {
	const transport = network.join(name)
	return { transport, publisher: DataPublisher.start('prices', new Version1(), { transport }) }
}
const open2 = (name: string) => {
	const transport = network.join(name)
	return { transport, publisher: DataPublisher.start('prices', new Version2(), { transport }) }
}

const shops = new Map<string, ReturnType<typeof open1> | ReturnType<typeof open2>>()
for (const name of names) {
	const shop = open1(name)
	await shop.publisher.update({ tea: 3 })
	shops.set(name, shop)
}

const seen = (): void => {
	for (const [name, { publisher }] of shops) {
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

await settled()
console.log('Before the upgrade')
seen()
for (const name of names) {
	const old = shops.get(name)!
	await old.publisher.stop()
	await old.transport.close()
	const shop = open2(name)
	await shop.publisher.update({ tea: { amount: 4, currency: 'USD' }, coffee: { amount: 5, currency: 'EUR' } })
	shops.set(name, shop)
	await settled()
	console.log(`${name} is upgraded`)
	seen()
}
for (const { publisher } of shops.values()) await publisher.stop()
