import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { compare, COMPARED_STATES, comparedFaults, CONTROL, STOP, type ComparedCell } from './compare.ts'
import { entrants } from './contestants/index.ts'
import { laws } from './laws.ts'
import { progressLine } from './terminal.ts'

/** Enough for the slowest of them twice over. */
const LIMIT = 110_000
/** How long a process may live on when all that it ran has stopped. */
const FAREWELL = 10_000

/** In a process of its own: one cell in each line, and then nothing that would keep it alive. */
export const compareOne = async (name: string): Promise<boolean> => {
	const entrant = entrants.find(one => one.name === name)
	if (entrant === undefined) throw new Error(`There is no contestant called ${name}`)
	await compare(entrant, cell => void process.stdout.write(`${JSON.stringify(cell)}\n`))
	process.stdout.write('"done"\n')
	return true
}

interface Result {
	readonly name: string
	readonly cells: readonly ComparedCell[]
	/** Whether the process ended by itself. */
	readonly exits: boolean
}

export const compareAll = async ({ write }: { readonly write: boolean }): Promise<boolean> => {
	const line = progressLine()
	let done = 0
	const total = entrants.length * COMPARED_STATES.length * (comparedFaults.length + 2)
	const results = await Promise.all(
		entrants.map(({ name }) => runApart(name, () => line.show(`${++done} of ${total} trials`))),
	)
	line.clear()
	const text = render(results)
	if (write) await writeInto(fileURLToPath(new URL('../../../docs/faults.md', import.meta.url)), text)
	process.stdout.write(`${text}\n`)
	const [ours] = results
	return ours!.exits && ours!.cells.every(({ breaches }) => breaches.length === 0)
}

const runApart = async (name: string, onCell: () => void): Promise<Result> => {
	const child = spawn(
		process.execPath,
		[fileURLToPath(new URL('./run.js', import.meta.url)), '--contestant', name],
		{ stdio: ['ignore', 'pipe', 'inherit'] },
	)
	const limit = setTimeout(() => child.kill('SIGKILL'), LIMIT)
	let farewell: NodeJS.Timeout | undefined
	const exited = once(child, 'exit')
	const cells: ComparedCell[] = []
	let isDone = false
	for await (const line of createInterface(child.stdout)) {
		const told = JSON.parse(line) as ComparedCell | 'done'
		if (told === 'done') {
			isDone = true
			farewell = setTimeout(() => child.kill('SIGKILL'), FAREWELL)
		} else {
			cells.push(told)
			onCell()
		}
	}
	const [code] = (await exited) as [number | null]
	clearTimeout(limit)
	clearTimeout(farewell)
	if (!isDone) throw new Error(`${name} did not come to an end within ${LIMIT / 1000} s`)
	return { name, cells, exits: code === 0 }
}

const TITLES: Readonly<Record<string, string>> = {
	[CONTROL]: 'no fault at all',
	[STOP]: 'stopped while an answer is on its way',
}

const render = (results: readonly Result[]): string => {
	const titles = entrants.map(({ title }) => title)
	const header = [`| under … | ${titles.join(' | ')} |`, `| --- |${titles.map(() => ' --- |').join('')}`]
	const names = [CONTROL, ...comparedFaults.map(({ name }) => name), STOP]
	const rows = names.map(fault => {
		const title = TITLES[fault] ?? comparedFaults.find(({ name }) => name === fault)!.title
		return `| ${title} | ${results.map(({ cells }) => boxOf(cells.filter(cell => cell.fault === fault))).join(' | ')} |`
	})
	const exits = `| all over: the process ends by itself | ${results.map(one => (one.exits ? '✓' : '**no**')).join(' | ')} |`
	const broken = new Set(
		results.flatMap(({ cells }) => cells.flatMap(({ breaches }) => breaches.map(b => b.law))),
	)
	const legend = laws
		.filter(({ name }) => broken.has(name))
		.map(({ name, says }) => `- \`${name}\`: ${says}.`)
	return [...header, ...rows, exits, '', 'The laws that somebody breaks:', '', ...legend].join('\n')
}

/** The laws that were broken, and where not in each state, in which. */
const boxOf = (cells: readonly ComparedCell[]): string => {
	const broken = [...new Set(cells.flatMap(({ breaches }) => breaches.map(({ law }) => law)))]
	if (broken.length === 0) return '✓'
	return broken
		.map(law => {
			const states = cells.filter(({ breaches }) => breaches.some(one => one.law === law))
			const isEverywhere = states.length === COMPARED_STATES.length
			return `\`${law}\`${isEverywhere ? '' : ` (${states.map(({ state }) => state).join(', ')})`}`
		})
		.join(', ')
}

const BEGIN = '<!-- begin: npm run faults -- --compare --write -->'
const END = '<!-- end -->'

const writeInto = async (path: string, text: string): Promise<void> => {
	const before = await readFile(path, 'utf8')
	const [begin, end] = [before.indexOf(BEGIN), before.indexOf(END)]
	if (begin === -1 || end === -1) throw new Error(`${path} has no place for the table`)
	await writeFile(path, `${before.slice(0, begin)}${BEGIN}\n\n${text}\n\n${before.slice(end)}`)
}
