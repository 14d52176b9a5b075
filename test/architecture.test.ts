import { readFileSync, readdirSync } from 'node:fs'
import { join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { checkArchitecture, type Package } from './support/architecture.ts'
import { laws } from './support/architecture-laws.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))

const readSources = (): Map<string, string> =>
	new Map(
		['lib', 'fetchers'].flatMap(folder =>
			readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
				.filter(path => path.endsWith('.ts'))
				.map(path => `${folder}/${path.replaceAll(sep, '/')}`)
				.map(path => [path, readFileSync(join(root, path), 'utf8')] as const),
		),
	)

test('the sources keep to the design of the house', t => {
	const sources = readSources()
	t.true(sources.has('lib/core/fetcher.ts'))
	const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Package
	t.deepEqual(checkArchitecture(sources, manifest, laws), [])
})

/** A house of four rooms in which nothing is wrong. Each case below breaks one thing in it. */
const sound: Readonly<Record<string, string>> = {
	'lib/index.ts': `export { RemoteTerm } from './term/remote-term.ts'`,
	'lib/core/errors.ts': `export const error = 1`,
	'lib/core/clock.ts': `import type { never } from './errors.ts'\nimport { error } from './errors.ts'`,
	'lib/digest/native.ts': `import { createHash } from 'node:crypto'`,
	'lib/digest/portable.ts': `export const createSha256 = 1`,
	'lib/term/remote-term.ts': `import { createSha256 } from '#digest'\nimport '../core/errors.ts'`,
	'fetchers/static.ts': `import type { Version } from '../lib/core/errors.ts'`,
	'fetchers/http.ts': `import 'http-cache-semantics'`,
	'fetchers/s3.ts': `import '@aws-sdk/client-s3'\nimport './failover.ts'`,
	'fetchers/failover.ts': `export {}`,
	'fetchers/env.ts': `const s3 = await import('./s3.ts')`,
}

const manifest: Package = {
	exports: {
		'.': { types: './dist/lib/index.d.ts', default: './dist/lib/index.js' },
		'./fetchers/static': './dist/fetchers/static.js',
		'./fetchers/http': './dist/fetchers/http.js',
		'./fetchers/s3': './dist/fetchers/s3.js',
		'./fetchers/failover': './dist/fetchers/failover.js',
		'./fetchers/env': './dist/fetchers/env.js',
		'./package.json': './package.json',
	},
	imports: { '#digest': { node: './dist/lib/digest/native.js', default: './dist/lib/digest/portable.js' } },
	dependencies: { 'http-cache-semantics': '1', undici: '7' },
	peerDependencies: { '@aws-sdk/client-s3': '3' },
}

const without = (subpath: string): Package => {
	const { [subpath]: _, ...exports } = manifest.exports
	return { ...manifest, exports }
}

const check = (changes: Readonly<Record<string, string>>, changedManifest: Package = manifest): string[] =>
	checkArchitecture(new Map(Object.entries({ ...sound, ...changes })), changedManifest, laws)

test('the check finds nothing wrong where nothing is', t => {
	t.deepEqual(check({}), [])
})

const cases: ReadonlyArray<{
	readonly title: string
	readonly changes: Readonly<Record<string, string>>
	readonly manifest?: Package
	readonly finds: readonly string[]
}> = [
	{
		title: 'a room that imports one above it',
		changes: { 'lib/core/errors.ts': `import '../term/remote-term.ts'` },
		finds: [
			'lib/core/errors.ts:1 lib/core must not import lib/term',
			'lib/core/errors.ts → lib/term/remote-term.ts → lib/core/errors.ts is a cycle',
		],
	},
	{
		title: 'a room that imports only a type from one above it',
		changes: { 'lib/core/errors.ts': `\nimport type { RemoteTerm } from '../term/remote-term.ts'` },
		finds: ['lib/core/errors.ts:2 lib/core must not import lib/term'],
	},
	{
		title: 'a room that names a type of one above it inline',
		changes: { 'lib/core/errors.ts': `export type T = import('../term/remote-term.ts').T` },
		finds: ['lib/core/errors.ts:1 lib/core must not import lib/term'],
	},
	{
		title: 'a shell that imports another sideways',
		changes: { 'lib/hub/hub.ts': `export * from '../publisher/data.ts'`, 'lib/publisher/data.ts': '' },
		finds: ['lib/hub/hub.ts:1 lib/hub must not import lib/publisher'],
	},
	{
		title: 'a term that knows a fetcher',
		changes: { 'lib/term/remote-term.ts': `const later = import('../../fetchers/static.ts')` },
		finds: ['lib/term/remote-term.ts:1 lib/term must not import fetchers/static'],
	},
	{
		title: 'a fetcher that knows another',
		changes: { 'fetchers/http-redirect.ts': `import './failover.ts'` },
		finds: ['fetchers/http-redirect.ts:1 fetchers/http must not import fetchers/failover'],
	},
	{
		title: 'a file in a room of its own',
		changes: { 'lib/shared/thing.ts': '' },
		finds: ['lib/shared/thing.ts is in no room of the design'],
	},
	{
		title: 'an import of the front door',
		changes: { 'fetchers/static.ts': `import { RemoteTerm } from '../lib/index.ts'` },
		finds: ['fetchers/static.ts:1 imports lib/index.ts, which is for users only'],
	},
	{
		title: 'an import past the conditions',
		changes: { 'lib/term/remote-term.ts': `import '../digest/native.ts'` },
		finds: [
			'lib/term/remote-term.ts:1 imports lib/digest/native.ts past the conditions of package.json',
			'lib/digest/native.ts:1 imports node:crypto, but lib/index.ts, which reaches it, must run without Node',
		],
	},
	{
		title: 'a cycle within a room',
		changes: { 'lib/core/errors.ts': `import './clock.ts'` },
		finds: ['lib/core/clock.ts → lib/core/errors.ts → lib/core/clock.ts is a cycle'],
	},
	{
		title: 'a file that imports itself',
		changes: { 'lib/core/errors.ts': `export * from './errors.ts'` },
		finds: ['lib/core/errors.ts → lib/core/errors.ts is a cycle'],
	},
	{
		title: "an import of Node's in a portable file, with and without its prefix",
		changes: { 'fetchers/static.ts': `import 'node:fs'\nimport { on } from 'events'` },
		finds: [
			'fetchers/static.ts:1 imports node:fs, but fetchers/static.ts, which reaches it, must run without Node',
			'fetchers/static.ts:2 imports node:events, but fetchers/static.ts, which reaches it, must run without Node',
		],
	},
	{
		title: 'a Node-only package in a portable file',
		changes: { 'fetchers/http.ts': `import { request } from 'undici'` },
		finds: [
			'fetchers/http.ts:1 imports undici, but fetchers/http.ts, which reaches it, must run without Node',
		],
	},
	{
		title: 'an SDK behind the main entry, two files away',
		changes: { 'lib/core/errors.ts': `import { S3Client } from '@aws-sdk/client-s3'` },
		finds: [
			'lib/core/errors.ts:1 imports @aws-sdk/client-s3, but lib/index.ts, which reaches it, must run without Node',
			'loading . loads @aws-sdk/client-s3 (in lib/core/errors.ts)',
		],
	},
	{
		title: 'an entry that loads an optional peer at once',
		changes: { 'fetchers/env.ts': `import './s3.ts'` },
		finds: ['loading ./fetchers/env loads @aws-sdk/client-s3 (in fetchers/s3.ts)'],
	},
	{
		title: 'a package that is no dependency',
		changes: { 'fetchers/env.ts': `import 'left-pad/deep/file.js'` },
		finds: ['fetchers/env.ts:1 imports left-pad, which is no dependency'],
	},
	{
		title: 'an import whose name is computed',
		changes: { 'fetchers/env.ts': 'const name = 1\nawait import(`./${name}.ts`)' },
		finds: ['fetchers/env.ts:2 computes the name of what it imports'],
	},
	{
		title: 'imports of what does not exist',
		changes: { 'fetchers/env.ts': `import './gone.ts'\nimport '../lib/core/errors.js'\nimport '#gone'` },
		finds: [
			'fetchers/env.ts:1 imports fetchers/gone.ts, which does not exist',
			'fetchers/env.ts:2 imports lib/core/errors.js, which does not exist',
			`fetchers/env.ts:3 imports #gone, which package.json's "imports" do not have`,
		],
	},
	{
		title: 'targets of package.json that have no source',
		changes: {},
		manifest: {
			...manifest,
			exports: { ...manifest.exports, './fetchers/file': './dist/fetchers/file.js' },
			imports: { ...manifest.imports, '#inflate': { default: './dist/lib/inflate/portable.js' } },
			bin: { 'remote-term': './dist/lib/cli/main.js' },
		},
		finds: [
			'package.json exports["./fetchers/file"] needs fetchers/file.ts, which does not exist',
			'package.json #inflate["default"] needs lib/inflate/portable.ts, which does not exist',
			'package.json bin["remote-term"] needs lib/cli/main.ts, which does not exist',
		],
	},
	{
		title: 'a public file that is not exported',
		changes: {},
		manifest: without('./fetchers/static'),
		finds: ['fetchers/static.ts exists, but package.json does not export ./fetchers/static'],
	},
	{
		title: 'a subpath that the design does not have',
		changes: {},
		manifest: {
			...manifest,
			exports: { ...manifest.exports, './errors': './dist/lib/core/errors.js' },
		},
		finds: ['package.json exports lib/core/errors.ts as ./errors, which the design does not have'],
	},
	{
		title: 'a file of 301 lines',
		changes: { 'lib/core/errors.ts': '// a line\n'.repeat(301), 'lib/core/clock.ts': '\n'.repeat(300) },
		finds: ['lib/core/errors.ts has 301 lines; past 300 a file has two subjects'],
	},
	{
		title: 'names that say nothing',
		changes: { 'lib/term/refresh-manager.ts': '', 'lib/core/utils/time.ts': '' },
		finds: [
			'lib/term/refresh-manager.ts is named manager, which says nothing about its subject',
			'lib/core/utils/time.ts is named utils, which says nothing about its subject',
		],
	},
]

for (const { title, changes, manifest: changed, finds } of cases) {
	test(`the check finds ${title}`, t => {
		t.deepEqual(check(changes, changed), finds)
	})
}

test('a database is no "base", and a name that the design gives may hold any word', t => {
	t.deepEqual(check({ 'lib/config/database.ts': '', 'lib/autoconfig/stream-manager.ts': '' }), [])
})
