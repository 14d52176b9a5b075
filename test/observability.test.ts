import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import type { Family } from '../lib/metrics/exposition.ts'
import { BLOCKED_BUCKETS, DURATION_BUCKETS, FAMILIES, LAG_BUCKETS } from '../lib/metrics/families.ts'
import { ATTRIBUTES, METRICS, type Metric } from '../lib/otel/names.ts'
import { REFRESH_CHANNEL, STATUS_CHANNEL } from '../lib/term/channels.ts'

const documentation = readFileSync(
	fileURLToPath(new URL('../../docs/observability.md', import.meta.url)),
	'utf8',
)

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
	[head, head.map(() => '---'), ...rows].map(cells => `| ${cells.join(' | ')} |\n`).join('')
const code = (words: readonly string[]): string => words.map(word => `\`${word}\``).join(', ')

const renderFamilies = (): string =>
	table(
		['metric', 'type', 'labels', ''],
		Object.values(FAMILIES).map(({ name, type, labels, help }: Family) => [
			`\`remote_term_${name}\``,
			type,
			code(labels),
			help,
		]),
	)

const renderAttributes = (): string =>
	table(
		['attribute', ''],
		Object.values(ATTRIBUTES).map(([name, meaning]) => [`\`${name}\``, meaning]),
	)

const renderMetrics = (): string =>
	table(
		['metric', 'kind', 'unit', 'attributes', ''],
		Object.values(METRICS).map(({ name, kind, unit, attributes, description }: Metric) => [
			`\`${name}\``,
			kind,
			`\`${unit}\``,
			code(attributes.map(attribute => ATTRIBUTES[attribute][0])),
			description,
		]),
	)

for (const [subject, render] of Object.entries({ renderFamilies, renderAttributes, renderMetrics })) {
	test(`the documentation has the table of ${subject}`, t => {
		const rendered = render()
		t.true(documentation.includes(rendered), `docs/observability.md should have:\n${rendered}`)
	})
}

test('the documentation has the buckets', t => {
	const [durations, blocked, lag] = [DURATION_BUCKETS, BLOCKED_BUCKETS, LAG_BUCKETS].map(all =>
		all.join(', '),
	)
	t.true(documentation.includes(`Durations: ${durations}. Blocked: ${blocked}. Lag: ${lag}.`))
})

test('the documentation has the channels', t => {
	const named = [...documentation.matchAll(/^\| `([\w:-]+:[\w:-]+)` \|/gm)].map(([, name]) => name)
	const parts = ['start', 'end', 'error', 'asyncStart', 'asyncEnd']
	t.deepEqual(named, [...parts.map(part => `tracing:${REFRESH_CHANNEL}:${part}`), STATUS_CHANNEL])
})
