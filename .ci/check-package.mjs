// Packs what would be published, and treats it as a stranger would: lints it, installs it into an empty project,
// imports every subpath with and without the optional peers, compiles against its types, runs its command.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'

const MAX_PACKED = 900_000
const MAX_FILES = 1_200
/** What the main entry must not load: each has a subpath, or a command, of its own. */
const NOT_AT_FIRST = [
	'@aws-sdk',
	'@smithy',
	'@nats-io',
	'lmdb',
	'undici',
	'http-cache-semantics',
	'commander',
	'cli-progress',
	'hono',
	'@hono',
	'zod',
]
/** There is no server, and it is not so far that one would be missed. */
const nobodyThere = `
	const { NatsConfigDb } = await import('remote-term/config/nats')
	const db = new NatsConfigDb({ servers: '127.0.0.1:1' })
	await db.open().catch(error => {
		if (error.code !== 'DATABASE_FAILED') throw error
	})
`
/**
 * The optional peers, and for each what first needs it. Every subpath can be imported without them: what needs one
 * says so, by its name, when it is used.
 */
const PEERS = {
	'@aws-sdk/client-s3': `
		const { S3Fetcher } = await import('remote-term/fetchers/s3')
		const logger = { debug() {}, info() {}, warn() {}, error() {} }
		const clock = { now: () => 0, monotonic: () => 0, timer: () => ({ [Symbol.dispose]() {} }) }
		const fetcher = new S3Fetcher({
			...{ bucket: 'bucket', key: 'key', region: 'eu-west-1' },
			credentials: { accessKeyId: 'nobody', secretAccessKey: 'nothing' },
		})
		await fetcher.init({ signal: new AbortController().signal, clock, logger })
	`,
	'@nats-io/jetstream': `
		const { NatsFetcher } = await import('remote-term/fetchers/nats')
		const logger = { debug() {}, info() {}, warn() {}, error() {} }
		const fetcher = new NatsFetcher({ servers: '127.0.0.1:1', bucket: 'bucket', key: 'key' })
		await fetcher.init({ signal: new AbortController().signal, logger }).catch(error => {
			if (error.code !== 'FETCH_FAILED') throw error
		})
	`,
	'@nats-io/kv': nobodyThere,
	'@nats-io/transport-node': nobodyThere,
	lmdb: `
		const { LmdbConfigDb } = await import('remote-term/config/lmdb')
		const { mkdtempSync } = await import('node:fs')
		const folder = mkdtempSync((await import('node:os')).tmpdir() + '/remote-term-lmdb-')
		const db = new LmdbConfigDb({ path: folder + '/config.lmdb' })
		try {
			await db.open()
		} finally {
			await db.close()
			await (await import('node:fs/promises')).rm(folder, { recursive: true })
		}
	`,
	'@nats-io/transport-node': `
		const { NatsTransport } = await import('remote-term/transports/nats')
		// A port where nobody listens: with the package, that is all that is wrong.
		await NatsTransport.connect({ name: 'a', servers: '127.0.0.1:1' }).catch(error => {
			if (error.code !== 'TRANSPORT_FAILED') throw error
		})
	`,
	'@opentelemetry/api': `
		const { instrument } = await import('remote-term/otel')
		const instrumentation = await instrument()
		instrumentation[Symbol.dispose]()
	`,
}

const root = fileURLToPath(new URL('..', import.meta.url))
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const folder = mkdtempSync(join(tmpdir(), 'remote-term-package-'))
const consumer = join(folder, 'consumer')

const run = (command, args, cwd = consumer) => {
	const { status, error, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' })
	if (error !== undefined) throw error
	if (status === 0) return stdout
	throw new Error(`${command} ${args.join(' ').slice(0, 200)}\n${stdout}${stderr}`)
}
const npm = (args, cwd) =>
	run('npm', [...args, '--loglevel=error', '--no-audit', '--no-fund', '--prefer-offline'], cwd)
const node = (...args) => run(process.execPath, args)
const nodeEval = code => node('--input-type=module', '--eval', code)
const tool = (name, path, ...args) => run(process.execPath, [join(root, 'node_modules', name, path), ...args])
const step = async (title, work) => {
	const said = await work()
	console.log(`✔ ${title}${said ? `: ${said}` : ''}`)
}

const subpaths = Object.keys(manifest.exports).filter(subpath => subpath !== './package.json')
const specifier = subpath => `remote-term${subpath.slice(1)}`

const versionOf = name =>
	JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8')).version

const pack = () => {
	const [packed] = JSON.parse(npm(['pack', '--json', '--ignore-scripts', '--pack-destination', folder], root))
	const files = packed.files.map(({ path }) => path)
	const unexpected = files
		.filter(path => path.startsWith('dist/'))
		.filter(
			path =>
				!existsSync(join(root, path.replace(/^dist\//, '').replace(/(\.d\.ts|\.js|\.js\.map)$/, '.ts'))),
		)
	assert.deepEqual(unexpected, [], 'The tarball holds files that have no source (is dist stale?)')
	const targets = [manifest.exports, manifest.imports, manifest.bin]
		.flatMap(section => Object.values(section))
		.flatMap(to => (typeof to === 'string' ? [to] : Object.values(to)))
		.map(path => path.replace(/^\.\//, ''))
	const promised = [...targets, 'README.md', 'LICENSE', 'CHANGELOG.md']
	assert.deepEqual(
		promised.filter(path => !files.includes(path)),
		[],
		'The tarball lacks files',
	)
	for (const path of Object.values(manifest.bin))
		assert.match(
			readFileSync(join(root, path), 'utf8'),
			/^#!\/usr\/bin\/env node\n/,
			`${path} has no #! line`,
		)
	assert.ok(packed.size <= MAX_PACKED, `The tarball has ${packed.size} bytes, more than ${MAX_PACKED}`)
	assert.ok(files.length <= MAX_FILES, `The tarball has ${files.length} files, more than ${MAX_FILES}`)
	const said = `${packed.size} bytes packed, ${packed.unpackedSize} unpacked, ${files.length} files`
	return { path: join(folder, packed.filename), said }
}

const lint = async path => {
	const tarball = readFileSync(path)
	const { messages } = await publint({
		pack: { tarball: new Uint8Array(tarball).buffer },
		strict: true,
	})
	assert.deepEqual(
		messages.map(message => formatMessage(message, manifest)),
		[],
		'publint',
	)
}

/** The packages that `import 'remote-term'` loads, and the milliseconds that it takes. */
const load = () => {
	const hook = `
		import { appendFileSync } from 'node:fs'
		export const resolve = async (specifier, context, next) => {
			const resolved = await next(specifier, context)
			appendFileSync(${JSON.stringify(join(folder, 'loaded'))}, resolved.url + '\\n')
			return resolved
		}`
	nodeEval(`
		import { register } from 'node:module'
		register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(hook)}))
		await import('remote-term')
	`)
	const loaded = readFileSync(join(folder, 'loaded'), 'utf8').split('\n')
	const packages = loaded.flatMap(url => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1] ?? [])
	const others = [...new Set(packages)].filter(name => name !== manifest.name)
	const forbidden = others.filter(name =>
		NOT_AT_FIRST.some(one => name === one || name.startsWith(`${one}/`)),
	)
	assert.deepEqual(forbidden, [], "import 'remote-term' loads too much")
	const timing = `const start = performance.now(); await import('remote-term'); console.log(performance.now() - start)`
	const ms = Math.min(...[1, 2, 3].map(() => Number(nodeEval(timing))))
	return `it loads ${others.join(', ') || 'no other package'}, in ${ms.toFixed(0)} ms`
}

const importAll = () => {
	for (const subpath of subpaths)
		nodeEval(`
			const names = Object.keys(await import('${specifier(subpath)}'))
			if (names.length === 0 || names.includes('default')) throw new Error('${subpath} exports: ' + names)
		`)
	return subpaths.map(specifier).join(', ')
}

const failWithoutPeers = () => {
	for (const [peer, use] of Object.entries(PEERS))
		assert.throws(
			() => nodeEval(use),
			error =>
				error.message.includes('RemoteTermError') &&
				new RegExp(`npm install [^()]*${peer}\\b`).test(error.message),
			`What needs ${peer} must say so where it is not installed`,
		)
	return Object.keys(PEERS).join(', ')
}

const workWithPeers = () => {
	for (const use of Object.values(PEERS)) nodeEval(use)
	return Object.keys(PEERS)
		.map(name => `${name} ${versionOf(name)}`)
		.join(', ')
}

const sample = `
import { RemoteTerm, json, type Fetcher, type RemoteTermError } from 'remote-term'
import { StaticFetcher } from 'remote-term/fetchers/static'

type Table = Record<string, number>
class Rates extends RemoteTerm<Table> {
	protected override deserialize = json<Table>
}
const fetcher: Fetcher = new StaticFetcher({ body: new TextEncoder().encode('{"EUR":1}') })
export const main = async (): Promise<number | undefined> => {
	await using rates = new Rates({ fetcher, refreshInterval: 60_000 })
	await rates.start()
	rates.on('updated', ({ term }) => term['EUR']?.toFixed(2))
	const outcome = await rates.update()
	if (outcome.status === 'failed') throw outcome.error satisfies RemoteTermError
	// @ts-expect-error: a term of numbers gives no string
	const wrong: string | undefined = rates.get()?.['EUR']
	return wrong === undefined ? undefined : rates.get()?.['EUR']
}
`

const compile = () => {
	const everything = subpaths.map((subpath, index) => `export * as s${index} from '${specifier(subpath)}'`)
	writeFileSync(join(consumer, 'sample.ts'), sample)
	writeFileSync(join(consumer, 'everything.ts'), everything.join('\n'))
	const strict = {
		target: 'es2022',
		strict: true,
		exactOptionalPropertyTypes: true,
		skipLibCheck: false,
		noEmit: true,
	}
	const server = { ...strict, lib: ['es2023', 'esnext.disposable'], types: ['node'] }
	const browser = { ...strict, lib: ['es2022', 'esnext.disposable', 'dom', 'dom.iterable'], types: [] }
	const cases = {
		nodenext: [
			{ ...server, module: 'nodenext', moduleResolution: 'nodenext' },
			['sample.ts', 'everything.ts'],
		],
		bundler: [{ ...server, module: 'esnext', moduleResolution: 'bundler' }, ['sample.ts', 'everything.ts']],
		browser: [
			{ ...browser, module: 'esnext', moduleResolution: 'bundler', customConditions: ['browser'] },
			['sample.ts'],
		],
	}
	for (const [name, [compilerOptions, files]] of Object.entries(cases)) {
		writeFileSync(join(consumer, `tsconfig.${name}.json`), JSON.stringify({ compilerOptions, files }))
		tool('typescript', 'bin/tsc', '--project', join(consumer, `tsconfig.${name}.json`))
	}
	return Object.keys(cases).join(', ')
}

try {
	mkdirSync(consumer)
	writeFileSync(
		join(consumer, 'package.json'),
		JSON.stringify({ name: 'consumer', private: true, type: 'module' }),
	)
	const tarball = pack()
	await step('the tarball holds what it promises', () => tarball.said)
	await step('publint', () => lint(tarball.path))
	await step('are the types wrong?', () => {
		tool(
			'@arethetypeswrong/cli',
			'dist/index.js',
			tarball.path,
			'--profile',
			'esm-only',
			'--no-emoji',
			'--no-color',
		)
	})
	await step('it installs into an empty project', () => {
		npm(['install', tarball.path])
		const { packages } = JSON.parse(readFileSync(join(consumer, 'package-lock.json'), 'utf8'))
		return `${Object.keys(packages).length - 1} packages`
	})
	await step("import 'remote-term' is small", load)
	await step('every entry can be imported without the optional peers', importAll)
	await step('what misses its peer says so', failWithoutPeers)
	await step('the command runs', () => {
		const version = run('npx', ['--no-install', '--loglevel=error', 'remote-term', '--version']).trim()
		assert.equal(version, manifest.version)
		return version
	})
	const peers = [...Object.keys(PEERS), '@types/node'].map(name => `${name}@${versionOf(name)}`)
	npm(['install', ...peers])
	await step('what has its peer works', workWithPeers)
	await step('strict consumers compile', compile)
} catch (error) {
	console.error(`✘ ${error.message}`)
	process.exitCode = 1
} finally {
	rmSync(folder, { recursive: true, force: true })
}
