import { isBuiltin } from 'node:module'
import { posix } from 'node:path'
import type { Laws } from './architecture-laws.ts'
import { importsOf, type Import } from './imports.ts'

/** The sources by their path from the root of the repository. */
export type Sources = ReadonlyMap<string, string>

export interface Package {
	readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>
	readonly imports: Readonly<Record<string, Readonly<Record<string, string>>>>
	readonly bin?: Readonly<Record<string, string>>
	readonly dependencies?: Readonly<Record<string, string>>
	readonly peerDependencies?: Readonly<Record<string, string>>
}

interface Edge extends Import {
	readonly from: string
	/** The files that it may stand for: more than one where conditions choose. */
	readonly targets: ReadonlyArray<{ readonly condition?: string; readonly file: string }>
	/** The package, or the module of Node's, that it stands for. */
	readonly external?: string
}

/** What is wrong, one line each; nothing, if nothing is. */
export const checkArchitecture = (sources: Sources, manifest: Package, laws: Laws): string[] => {
	const { edges, unresolved } = resolveAll(sources, manifest, laws)
	return [
		...unresolved,
		...layers(sources, edges, manifest, laws),
		...cycles(sources, edges),
		...packages(edges, manifest),
		...portability(edges, laws),
		...optionalPeers(sources, edges, manifest, laws),
		...publicPaths(sources, manifest, laws),
		...names(sources, laws),
	]
}

const sourceOf = (built: string): string =>
	built.replace(/^\.\/dist\//, '').replace(/(\.d\.ts|\.js|\.ts)$/, '.ts')

const resolveAll = (
	sources: Sources,
	{ imports }: Package,
	{ computedImports }: Laws,
): { edges: Edge[]; unresolved: string[] } => {
	const edges: Edge[] = []
	const unresolved: string[] = []
	for (const [from, text] of sources) {
		for (const one of importsOf(from, text)) {
			const { specifier, line } = one
			const wrong = (what: string): void => void unresolved.push(`${from}:${line} ${what}`)
			if (specifier === undefined) {
				if (!(from in computedImports)) wrong('computes the name of what it imports')
			} else if (specifier.startsWith('.')) {
				const file = posix.join(posix.dirname(from), specifier)
				edges.push({ ...one, from, targets: [{ file }] })
				if (!sources.has(file)) wrong(`imports ${file}, which does not exist`)
			} else if (specifier.startsWith('#')) {
				const conditions = Object.entries(imports[specifier] ?? {})
				const targets = conditions.map(([condition, built]) => ({ condition, file: sourceOf(built) }))
				edges.push({ ...one, from, targets })
				if (targets.length === 0) wrong(`imports ${specifier}, which package.json's "imports" do not have`)
			} else edges.push({ ...one, from, targets: [], external: externalName(specifier) })
		}
	}
	return { edges, unresolved }
}

const externalName = (specifier: string): string =>
	isBuiltin(specifier)
		? `node:${specifier.replace(/^node:/, '')}`
		: specifier
				.split('/')
				.slice(0, specifier.startsWith('@') ? 2 : 1)
				.join('/')

/** `fetchers/http` is the room of `fetchers/http.ts`, `fetchers/http/…` and `fetchers/http-….ts`. */
const roomOf = (file: string, laws: Laws): string | undefined =>
	Object.keys(laws.rooms)
		.filter(room => file === room || (file.startsWith(room) && /^[-./]/.test(file.slice(room.length))))
		.sort((a, b) => b.length - a.length)[0]

const layers = (
	sources: Sources,
	edges: readonly Edge[],
	{ imports }: Package,
	laws: Laws,
): readonly string[] => {
	// What runs everywhere (`default`) may also be asked for by its own name; what needs a condition may not.
	const behindConditions = new Set(
		Object.values(imports)
			.flatMap(to => Object.entries(to))
			.flatMap(([condition, built]) => (condition === 'default' ? [] : [sourceOf(built)])),
	)
	const found = [...sources.keys()]
		.filter(file => roomOf(file, laws) === undefined)
		.map(file => `${file} is in no room of the design`)
	for (const { from, line, specifier, targets } of edges) {
		const room = roomOf(from, laws)
		for (const { file } of targets) {
			const other = roomOf(file, laws)
			const where = `${from}:${line}`
			if (laws.doors.includes(file)) found.push(`${where} imports ${file}, which is for users only`)
			else if (room === undefined || other === undefined || room === other) continue
			else if (!laws.rooms[room]!.includes(other)) found.push(`${where} ${room} must not import ${other}`)
			else if (behindConditions.has(file) && !specifier?.startsWith('#'))
				found.push(`${where} imports ${file} past the conditions of package.json`)
		}
	}
	return found
}

const isValue = ({ kind }: Edge): boolean => kind !== 'type'

const cycles = (sources: Sources, edges: readonly Edge[]): readonly string[] => {
	const next = new Map<string, Set<string>>([...sources.keys()].map(file => [file, new Set()]))
	for (const { from, targets } of edges.filter(isValue))
		for (const { file } of targets) next.get(from)?.add(file)
	const found = new Set<string>()
	const done = new Set<string>()
	const walk = (file: string, path: readonly string[]): void => {
		if (path.includes(file)) {
			const circle = path.slice(path.indexOf(file))
			const first = circle.indexOf([...circle].sort()[0]!)
			found.add([...circle.slice(first), ...circle.slice(0, first)].concat(circle[first]!).join(' → '))
		} else if (!done.has(file)) {
			for (const target of next.get(file) ?? []) walk(target, [...path, file])
			done.add(file)
		}
	}
	for (const file of sources.keys()) walk(file, [])
	return [...found].map(circle => `${circle} is a cycle`)
}

const packages = (edges: readonly Edge[], { dependencies, peerDependencies }: Package): readonly string[] => {
	const declared = Object.keys({ ...dependencies, ...peerDependencies })
	return edges.flatMap(({ from, line, external }) =>
		external === undefined || external.startsWith('node:') || declared.includes(external)
			? []
			: [`${from}:${line} imports ${external}, which is no dependency`],
	)
}

/** The files that loading `entry` may load. `takes` says which imports are followed. */
const reach = (
	entry: string,
	edges: readonly Edge[],
	takes: (edge: Edge, condition: string | undefined) => boolean,
): { readonly files: ReadonlySet<string>; readonly edges: readonly Edge[] } => {
	const files = new Set([entry])
	const taken: Edge[] = []
	// A set hands out what is added to it while it is being walked.
	for (const file of files) {
		for (const edge of edges.filter(({ from }) => from === file)) {
			const targets = edge.targets.filter(({ condition }) => takes(edge, condition))
			for (const target of targets) files.add(target.file)
			if (targets.length > 0 || (edge.external !== undefined && takes(edge, undefined))) taken.push(edge)
		}
	}
	return { files, edges: taken }
}

const portability = (edges: readonly Edge[], laws: Laws): readonly string[] => {
	const found = new Set<string>()
	for (const entry of laws.portable) {
		const reached = reach(entry, edges, (edge, condition) => isValue(edge) && condition !== 'node')
		for (const { from, line, external } of reached.edges) {
			if (external === undefined || laws.portablePackages.includes(external)) continue
			found.add(`${from}:${line} imports ${external}, but ${entry}, which reaches it, must run without Node`)
		}
	}
	return [...found]
}

const optionalPeers = (
	sources: Sources,
	edges: readonly Edge[],
	manifest: Package,
	laws: Laws,
): readonly string[] => {
	const known = Object.keys(manifest.peerDependencies ?? {})
		.filter(peer => !(peer in laws.peers))
		.map(peer => `${peer} is a peer that the laws do not know`)
	const entries = exportedSources(manifest).filter(({ file }) => sources.has(file))
	return entries
		.flatMap(({ subpath, file }) =>
			reach(file, edges, ({ kind }) => kind === 'static').edges.flatMap(({ from, external }) =>
				external !== undefined && laws.peers[external]?.includes(file) === false
					? [`loading ${subpath} loads ${external} (in ${from})`]
					: [],
			),
		)
		.concat(known)
}

/** The file behind each subpath; more than one where `types` and `default` disagree. */
const exportedSources = ({ exports }: Package): ReadonlyArray<{ subpath: string; file: string }> =>
	Object.entries(exports).flatMap(([subpath, to]) => {
		const built = (typeof to === 'string' ? [to] : Object.values(to)).filter(path =>
			path.startsWith('./dist/'),
		)
		return [...new Set(built.map(sourceOf))].map(file => ({ subpath, file }))
	})

const publicPaths = (sources: Sources, manifest: Package, laws: Laws): readonly string[] => {
	const exported = exportedSources(manifest)
	const targets = [
		...exported.map(({ subpath, file }) => ({ name: `exports["${subpath}"]`, file })),
		...Object.entries({ ...manifest.imports, ...(manifest.bin && { bin: manifest.bin }) }).flatMap(
			([name, to]) =>
				Object.entries(to).map(([key, built]) => ({ name: `${name}["${key}"]`, file: sourceOf(built) })),
		),
	]
	const missing = targets
		.filter(({ file }) => !sources.has(file))
		.map(({ name, file }) => `package.json ${name} needs ${file}, which does not exist`)
	const foreign = exported
		.filter(({ subpath, file }) => !laws.subpaths[subpath]?.test(file))
		.map(({ subpath, file }) => `package.json exports ${file} as ${subpath}, which the design does not have`)
	const hidden = Object.entries(laws.subpaths).flatMap(([subpath, pattern]) =>
		[...sources.keys()]
			.filter(file => pattern.test(file) && !exported.some(one => one.subpath === subpath))
			.map(file => `${file} exists, but package.json does not export ${subpath}`),
	)
	return [...new Set([...missing, ...foreign, ...hidden])]
}

const names = (sources: Sources, laws: Laws): readonly string[] =>
	[...sources].flatMap(([file, text]) => {
		const lines = text.trimEnd().split('\n').length
		const words = file.replace(/\.ts$/, '').split(/[/.-]/)
		const empty = laws.namedByDesign.includes(file)
			? []
			: words.filter(word => laws.emptyWords.includes(word))
		return [
			...(lines > laws.maxLines && !(file in laws.longFiles)
				? [`${file} has ${lines} lines; past ${laws.maxLines} a file has two subjects`]
				: []),
			...empty.map(word => `${file} is named ${word}, which says nothing about its subject`),
		]
	})
