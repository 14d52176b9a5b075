/** One sample line. */
export interface ParsedSample {
	readonly name: string
	readonly labels: Readonly<Record<string, string>>
	readonly value: number
}

export interface ParsedFamily {
	readonly name: string
	readonly help: string
	readonly type: string
	readonly samples: readonly ParsedSample[]
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\n"])*)"(,|$)/
const NUMBER = /^(?:[+-]?(?:\d+(?:\.\d+)?|\.\d+)(?:e[+-]?\d+)?|[+-]Inf|NaN)$/i
const TYPES = ['counter', 'gauge', 'histogram', 'summary', 'untyped']

/**
 * The text exposition format of Prometheus (0.0.4), read more strictly than Prometheus itself does: HELP and TYPE of
 * each family, in this order and before its samples; a family in one piece; no series twice; counters that end in
 * `_total` and are not negative; histograms that add up. Throws what is wrong, with the line.
 */
export const parseExposition = (text: string): Map<string, ParsedFamily> => {
	if (text !== '' && !text.endsWith('\n')) throw new Error('the last line has no end')
	const families = new Map<string, ParsedFamily & { samples: ParsedSample[] }>()
	const seen = new Set<string>()
	let help: { name: string; text: string } | undefined
	let current: (ParsedFamily & { samples: ParsedSample[] }) | undefined
	for (const [index, line] of text.split('\n').slice(0, -1).entries()) {
		const wrong = (what: string): never => {
			throw new Error(`line ${index + 1}: ${what}: ${line}`)
		}
		if (line.startsWith('#')) {
			const [, kind, name = '', rest = ''] =
				/^# (HELP|TYPE) (\S+) (.*)$/s.exec(line) ?? wrong('no comment that means anything')
			if (!NAME.test(name)) wrong('no name')
			if (kind === 'HELP') {
				if (help !== undefined || families.has(name)) wrong('a second HELP')
				if (rest.replaceAll(/\\[\\n]/g, '').includes('\\')) wrong('an unknown escape')
				help = { name, text: rest }
			} else {
				if (help?.name !== name) wrong('a TYPE without its HELP')
				if (!TYPES.includes(rest)) wrong('an unknown type')
				current = { name, help: help!.text, type: rest, samples: [] }
				families.set(name, current)
				help = undefined
			}
			continue
		}
		const [, name = '', inside = '', number = ''] =
			/^([^{ ]+)(?:\{(.*)\})? (\S+)$/s.exec(line) ?? wrong('no sample')
		if (help !== undefined) wrong('a HELP without its TYPE before')
		if (!NAME.test(name)) wrong('no name')
		if (current === undefined || !suffixesOf(current.type).some(suffix => name === current!.name + suffix))
			wrong('a sample outside its family')
		const labels: Record<string, string> = {}
		for (let rest = inside; rest !== '';) {
			const [whole, label = '', value = '', comma] = LABEL.exec(rest) ?? wrong('no label')
			if (label in labels) wrong('a label twice')
			labels[label] = value.replaceAll(/\\(.)/gs, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped))
			rest = rest.slice(whole.length)
			if (comma === ',' && rest === '') wrong('a comma before nothing')
		}
		if (!NUMBER.test(number)) wrong('no number')
		const key = JSON.stringify([name, Object.entries(labels).sort()])
		if (seen.has(key)) wrong('a series twice')
		seen.add(key)
		current!.samples.push({ name, labels, value: Number(number.replace('Inf', 'Infinity')) })
	}
	if (help !== undefined) throw new Error('the last HELP has no TYPE')
	for (const family of families.values()) checkFamily(family)
	return families
}

const suffixesOf = (type: string): readonly string[] =>
	type === 'histogram' ? ['_bucket', '_sum', '_count'] : type === 'summary' ? ['', '_sum', '_count'] : ['']

const checkFamily = ({ name, type, samples }: ParsedFamily): void => {
	const wrong = (what: string): never => {
		throw new Error(`${name}: ${what}`)
	}
	if (samples.length === 0) wrong('a family without samples')
	if (type === 'counter') {
		if (!name.endsWith('_total')) wrong('a counter that does not end in _total')
		if (samples.some(({ value }) => !(value >= 0))) wrong('a negative counter')
	} else if (name.endsWith('_total')) wrong('_total, but no counter')
	if (type !== 'histogram') return
	const groups = new Map<string, ParsedSample[]>()
	for (const sample of samples) {
		const { le: _, ...rest } = sample.labels
		const key = JSON.stringify(Object.entries(rest).sort())
		groups.set(key, [...(groups.get(key) ?? []), sample])
	}
	for (const group of groups.values()) {
		const buckets = group.filter(sample => sample.name === `${name}_bucket`)
		const bounds = buckets.map(({ labels }) =>
			Number((labels['le'] ?? wrong('a bucket without le')).replace('Inf', 'Infinity')),
		)
		const counts = buckets.map(({ value }) => value)
		if (bounds.at(-1) !== Infinity) wrong('no bucket +Inf at the end')
		if (bounds.some((bound, index) => index > 0 && bound <= bounds[index - 1]!))
			wrong('bounds that do not ascend')
		if (counts.some((count, index) => index > 0 && count < counts[index - 1]!)) wrong('counts that go down')
		const [count] = group.filter(sample => sample.name === `${name}_count`)
		if (count?.value !== counts.at(-1)) wrong('a _count that is not that of +Inf')
		if (!group.some(sample => sample.name === `${name}_sum`)) wrong('no _sum')
	}
}

/** The value of the sample with just these labels. */
export const sampleOf = (
	families: ReadonlyMap<string, ParsedFamily>,
	name: string,
	labels: Readonly<Record<string, string>>,
): number | undefined => {
	const wanted = JSON.stringify(Object.entries(labels).sort())
	return [...families.values()]
		.flatMap(({ samples }) => samples)
		.find(sample => sample.name === name && JSON.stringify(Object.entries(sample.labels).sort()) === wanted)
		?.value
}
