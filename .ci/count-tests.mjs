// Reads what AVA said (TAP) on each version of Node, given as NAME=FILE, and counts every test once: it failed if it
// failed anywhere, it passed if it passed somewhere, and it was skipped if it ran nowhere.
import { readFileSync } from 'node:fs'

// What is said about a test follows its line: its log, commented, and what failed, as YAML that may have empty lines.
const DETAIL = /^(?: |# {3}|$)/
const LINE = /^(not )?ok \d+ - (.*?)( # (?:SKIP|TODO))?$/
const outcomes = new Map()
const record = (title, outcome) => {
	const before = outcomes.get(title)
	if (before !== 'failed' && !(before === 'passed' && outcome === 'skipped')) outcomes.set(title, outcome)
}

for (const argument of process.argv.slice(2)) {
	const [name, file] = argument.split(/=(.*)/s)
	const lines = readFileSync(file, 'utf8').split('\n')
	const counts = { passed: 0, failed: 0, skipped: 0 }
	let showing = false
	for (const line of lines) {
		const [, not, title, directive] = LINE.exec(line) ?? []
		if (title === undefined) {
			showing &&= DETAIL.test(line)
			if (showing) console.log(line)
			continue
		}
		const outcome = directive ? 'skipped' : not ? 'failed' : 'passed'
		counts[outcome]++
		record(title, outcome)
		showing = outcome === 'failed'
		if (showing) console.log(`✘ ${title} (${name})`)
	}
	if (!lines.some(line => /^1\.\.\d+$/.test(line))) {
		console.log(`✘ the run on ${name} did not come to its end`)
		counts.failed++
		record(`the run on ${name} did not come to its end`, 'failed')
	}
	console.log(`${name}: passed ${counts.passed}, failed ${counts.failed}, skipped ${counts.skipped}`)
}

const count = outcome => [...outcomes.values()].filter(one => one === outcome).length
console.log(`${count('passed')} passed, ${count('failed')} failed, ${count('skipped')} skipped`)
process.exitCode = count('failed') > 0 || count('passed') === 0 ? 1 : 0
