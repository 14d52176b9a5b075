import test from 'ava'
import { expectedOutput, missingOutput, moduleOf, samplesOf, titleOf, withOrigin } from './support/samples.ts'

const text = `# Title

\`\`\`ts
const a = 1
console.log(a) // → 1
\`\`\`

<!-- sample: continues, stays, env A=b=c, env D=e -->
\`\`\`ts
console.log(a + 1)
// → 2
\`\`\`

<!-- sample: file rates.json -->
\`\`\`json
{ "EUR": 1 }
\`\`\`

\`\`\`sh
npm ci
\`\`\`

<!-- sample: run, exits 3 -->

\`\`\`sh
remote-term get # → 3
\`\`\`

<!-- sample: types-only -->
\`\`\`ts
never()
\`\`\`

\`\`\`
plain
\`\`\`
`

test('a document is read into its blocks, each with its line and what the comment says', t => {
	const samples = samplesOf('README.md', text)
	t.deepEqual(
		samples.map(sample => [titleOf(sample), sample.language, sample.directive.mode]),
		[
			['README.md:4', 'ts', 'run'],
			['README.md:10', 'ts', 'run'],
			['README.md:16', 'json', 'file'],
			['README.md:20', 'sh', 'skip'],
			['README.md:26', 'sh', 'run'],
			['README.md:31', 'ts', 'types-only'],
			['README.md:35', '', 'skip'],
		],
	)
	const [, second, third, , fifth] = samples
	t.like(second?.directive, { continues: true, stays: true, exitCode: 0, env: { A: 'b=c', D: 'e' } })
	t.is(third?.directive.file, 'rates.json')
	t.is(fifth?.directive.exitCode, 3)
})

test('a comment that says something unknown is an error that names its place', t => {
	const wrong = '<!-- sample: runs -->\n```ts\n1\n```\n'
	t.throws(() => samplesOf('docs/x.md', wrong), { message: /^docs\/x\.md:3: 'runs'/ })
	t.throws(() => samplesOf('docs/x.md', wrong.replace('runs', 'file ../../etc')), { message: /file \.\./ })
})

test('a block that continues another keeps the line numbers of the document', t => {
	const samples = samplesOf('README.md', text)
	const lines = moduleOf(samples[1]!, samples).split('\n')
	t.is(lines[4 - 1], 'const a = 1')
	t.is(lines[10 - 1], 'console.log(a + 1)')
})

test('expected output is found in order, line by line, with … for anything', t => {
	const samples = samplesOf('README.md', text)
	t.deepEqual(expectedOutput(samples[0]!), ['1'])
	t.deepEqual(expectedOutput(samples[1]!), ['2'])
	t.deepEqual(expectedOutput(samples[4]!), ['3'])
	t.deepEqual(missingOutput(['a', '{ ageMs: …, ok: true }'], 'x\na\n{ ageMs: 12, ok: true }\n'), [])
	t.deepEqual(missingOutput(['b', 'a'], 'a\nb\n'), ['a'])
	t.deepEqual(missingOutput(['1'], '10\n'), ['1'])
	t.deepEqual(missingOutput(['a.c'], 'abc\n'), ['a.c'])
})

test('… before a unit of time stands for a duration in whichever unit it is said, and for nothing else', t => {
	for (const said of ['0.4 ms', '12 ms', '1.25 s', '3 min 20 s', '2 min'])
		t.deepEqual(
			missingOutput(['"1"  82 B  … ms  next in …'], `"1"  82 B  ${said}  next in 800 ms\n`),
			[],
			said,
		)
	t.deepEqual(missingOutput(['took … s'], 'took long\n'), ['took … s'])
})

test('the hosts of examples become the origin, and no other host does', t => {
	const origin = 'http://127.0.0.1:1'
	t.is(withOrigin(`'https://config.example.com/rates.json'`, origin), `'${origin}/rates.json'`)
	t.is(withOrigin(`'http://example.org'`, origin), `'${origin}'`)
	const others = `https://example.community/ https://example.com.attacker.test/`
	t.is(withOrigin(others, origin), others)
})
