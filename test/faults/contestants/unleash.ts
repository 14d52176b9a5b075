import { Unleash, type ClientFeaturesResponse } from 'unleash-client'
import type { Document } from '../document.ts'
import type { Entrant } from './contestant.ts'

const META = 'document'

/** A document as feature toggles: one for itself, one for each entry. What is no text violates their schema too. */
const write = ({ serial, checksum, entries }: Document): ClientFeaturesResponse => ({
	version: 2,
	features: [
		{ ...toggle(META), description: `${serial} ${checksum}` },
		...Object.entries(entries).map(([name, entry]) => ({
			...toggle(name),
			description: entry,
			...(typeof entry !== 'string' && { strategies: 'none' as never }),
		})),
	],
})

const toggle = (name: string): ClientFeaturesResponse['features'][number] => ({
	name,
	type: 'release',
	enabled: true,
	strategies: [],
	stale: false,
	impressionData: false,
	project: 'default',
})

export const unleash: Entrant = {
	name: 'unleash-client',
	title: 'unleash-client',
	write,
	// Its HTTP client accepts no timeout below a second, and tries three times within each poll.
	tempo: { interval: 200, timeout: 1_000, patience: 20_000 },
	// It leaves decompression to its HTTP client, which goes by this.
	headers: { 'content-encoding': 'gzip', 'content-type': 'application/json' },
	create({ url, interval, timeout, bundled, directory }) {
		const client = new Unleash({
			url,
			appName: 'faults',
			refreshInterval: interval,
			timeout,
			disableMetrics: true,
			disableAutoStart: true,
			skipInstanceCountWarning: true,
			backupPath: directory,
			...(bundled && { bootstrap: { data: write(bundled).features } }),
		})
		client.on('error', () => {})
		client.on('warn', () => {})
		return {
			start: () => client.start(),
			get() {
				const toggles = client.getFeatureToggleDefinitions()
				if (toggles.length === 0) return undefined
				const meta = toggles.find(({ name }) => name === META)?.description?.split(' ') ?? []
				const entries = toggles.flatMap(({ name, description, strategies }) =>
					name === META ? [] : [[name, Array.isArray(strategies) ? description : strategies]],
				)
				return { serial: Number(meta[0]), checksum: meta[1], entries: Object.fromEntries(entries) as unknown }
			},
			stop: async () => client.destroy(),
		}
	},
}
