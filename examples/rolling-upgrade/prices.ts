import type { Peer, PublisherModule, Subscriptions } from 'remote-term/publisher'

/** Version 1 knew one currency: `{ tea: 3 }` is three euros. */
export type Prices1 = Readonly<Record<string, number>>
/** Version 2 knows many: `{ tea: { amount: 3, currency: 'EUR' } }`. */
export type Prices2 = Readonly<Record<string, { readonly amount: number; readonly currency: string }>>

/** Items with their new prices; `null` for one that is sold out. */
export type Update1 = Readonly<Record<string, number | null>>
export type Update2 = Readonly<Record<string, { readonly amount: number; readonly currency: string } | null>>

/** What each node sells, by the id of its instance. */
export type Shops<Prices> = ReadonlyMap<string, Prices>

const patched = <Price>(
	prices: Readonly<Record<string, Price>>,
	update: Readonly<Record<string, Price | null>>,
): Readonly<Record<string, Price>> =>
	Object.fromEntries(
		Object.entries<Price | null>({ ...prices, ...update }).filter(
			(entry): entry is [string, Price] => entry[1] !== null,
		),
	)

/** What both versions have in common: all that does not depend on what a price is. */
abstract class Shop<Price> {
	/** A price of whatever version as one of ours: a node accepts all that are older than itself. */
	protected abstract read(price: unknown): Price

	protected readAll<Sold extends null>(
		prices: Readonly<Record<string, unknown>>,
	): Readonly<Record<string, Price | Sold>> {
		return Object.fromEntries(
			Object.entries(prices).map(([item, price]) => [
				item,
				price === null ? (null as Sold) : this.read(price),
			]),
		)
	}

	initGlobalView(): Shops<Readonly<Record<string, Price>>> {
		return new Map()
	}

	initLocalData(): Readonly<Record<string, Price>> {
		return {}
	}

	updateLocalData(
		update: Readonly<Record<string, Price | null>>,
		data: Readonly<Record<string, Price>>,
	): Readonly<Record<string, Price>> {
		return patched(this.readAll<never>(data), this.readAll<null>(update))
	}

	updateGlobalViewAndNotify(
		origin: Peer,
		update: Readonly<Record<string, Price | null>>,
		subscriptions: Subscriptions<string, string>,
		view: Shops<Readonly<Record<string, Price>>>,
	): Shops<Readonly<Record<string, Price>>> {
		const items = Object.keys(update)
		if (items.length === 0) return view
		const changed = patched(view.get(origin.id) ?? {}, this.readAll<null>(update))
		const shops = new Map(view)
		if (Object.keys(changed).length === 0) shops.delete(origin.id)
		else shops.set(origin.id, changed)
		for (const item of items)
			for (const subscriber of subscriptions.get(item)?.values() ?? []) subscriber.notify(item)
		return shops
	}

	dataDiff(
		before: Readonly<Record<string, Price>>,
		after: Readonly<Record<string, Price>>,
	): Readonly<Record<string, Price | null>> {
		const now = this.readAll<never>(after)
		const gone = Object.keys(before).filter(item => !Object.hasOwn(now, item))
		const news = Object.entries(now).filter(
			([item, price]) => JSON.stringify(price) !== JSON.stringify(before[item]),
		)
		return Object.fromEntries<Price | null>([...news, ...gone.map(item => [item, null] as const)])
	}

	/** The shops that sell an item. */
	newSubscription(item: string, view: Shops<Readonly<Record<string, Price>>>): readonly string[] {
		return [...view].filter(([, prices]) => Object.hasOwn(prices, item)).map(([shop]) => shop)
	}
}

export class Version1
	extends Shop<number>
	implements PublisherModule<Prices1, Update1, Shops<Prices1>, string, readonly string[], number, string>
{
	version(): number {
		return 1
	}

	protected read(price: unknown): number {
		if (typeof price !== 'number') throw new TypeError('Version 1 knows prices in euros only')
		return price
	}
}

/** Translates down for older peers, and reads what they send. They need not know that there is a version 2. */
export class Version2
	extends Shop<{ readonly amount: number; readonly currency: string }>
	implements PublisherModule<Prices2, Update2, Shops<Prices2>, string, readonly string[], number, string>
{
	version(): number {
		return 2
	}

	protected read(price: unknown): { readonly amount: number; readonly currency: string } {
		return typeof price === 'number'
			? { amount: price, currency: 'EUR' }
			: (price as { amount: number; currency: string })
	}

	translateUpdate(_mine: number, theirs: number, update: Update2): Update2 {
		return theirs >= 2 ? update : (inEuros(update) as unknown as Update2)
	}

	translateLocalData(_mine: number, theirs: number, data: Prices2): Prices2 {
		return theirs >= 2 ? data : (inEuros(data) as unknown as Prices2)
	}
}

const EUROS: Readonly<Record<string, number>> = { EUR: 1, USD: 0.5 }

const inEuros = (prices: Update2): Update1 =>
	Object.fromEntries(
		Object.entries(prices).map(([item, price]) => [
			item,
			price === null ? null : price.amount * (EUROS[price.currency] ?? Number.NaN),
		]),
	)
