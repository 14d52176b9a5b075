/** One metric: its name without the prefix, and all there is to say about it. */
export interface Family {
	readonly name: string
	readonly type: 'counter' | 'gauge' | 'histogram'
	readonly labels: readonly string[]
	readonly help: string
	/** Upper bounds, inclusive and ascending, in the unit that the name ends with. `+Inf` comes by itself. */
	readonly buckets?: readonly number[]
}

export interface Sample {
	/** What comes after the family's name: `_bucket`, `_sum`, `_count`; nothing otherwise. */
	readonly suffix?: string
	readonly labels: ReadonlyArray<readonly [name: string, value: string]>
	readonly value: number
}

export const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** The text exposition format of Prometheus, 0.0.4. A family without samples is left out. */
export const renderFamily = (prefix: string, family: Family, samples: readonly Sample[]): string => {
	if (samples.length === 0) return ''
	const name = `${prefix}_${family.name}`
	const lines = samples.map(({ suffix = '', labels, value }) => {
		const pairs = labels.map(([label, text]) => `${label}="${escapeLabel(text)}"`).join(',')
		return `${name}${suffix}{${pairs}} ${renderNumber(value)}\n`
	})
	return `# HELP ${name} ${escapeHelp(family.help)}\n# TYPE ${name} ${family.type}\n${lines.join('')}`
}

export const renderNumber = (value: number): string =>
	value === Infinity ? '+Inf' : value === -Infinity ? '-Inf' : String(value)

const escapeHelp = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
const escapeLabel = (text: string): string => escapeHelp(text).replaceAll('"', '\\"')
