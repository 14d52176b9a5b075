import { basename } from 'node:path'
import ts from 'typescript'

/** A fenced block of a document, with what the comment above it says about it. */
export interface Sample {
	readonly document: string
	/** The line of the document on which the code begins, from 1. */
	readonly line: number
	readonly language: string
	/** The code, with the example hosts still in it. */
	readonly code: string
	readonly directive: Directive
}

/**
 * What `<!-- sample: … -->` on the line above a block may say, separated by commas:
 *
 * - `run`: compiled, type-checked and run, until it ends by itself with exit code 0. The default of ts and js blocks;
 *   sh blocks run only with it.
 * - `types-only`: compiled and type-checked, not run.
 * - `skip`: neither. For what shows a mistake, or the code of something else.
 * - `continues`: comes after the block before it, in one module.
 * - `stays`: does not end by itself; it is ended as soon as its output is complete.
 * - `exits N`: ends with this exit code.
 * - `env NAME=value`: an environment variable. May come more than once.
 * - `file NAME`: not a program but a file, in any language: the samples of the document find it in their working
 *   directory, and the example origin serves it under `/NAME`.
 */
export interface Directive {
	readonly mode: 'run' | 'types-only' | 'skip' | 'file'
	readonly file: string | undefined
	readonly continues: boolean
	readonly stays: boolean
	readonly exitCode: number
	readonly env: Readonly<Record<string, string>>
}

const PROGRAMS = ['ts', 'js']
const FENCE = /^(`{3,})([\w-]*)[^\S\n]*\n([\s\S]*?)^\1[^\S\n]*$/gm
const COMMENT_ABOVE = /<!--\s*sample:([^>]*?)-->\s*$/

export const samplesOf = (document: string, text: string): Sample[] =>
	[...text.matchAll(FENCE)].map(({ index, 2: language = '', 3: code = '' }) => {
		const above = text.slice(0, index)
		const line = above.split('\n').length + 1
		const where = `${document}:${line}`
		const directive = parseDirective(COMMENT_ABOVE.exec(above)?.[1], language, where)
		return { document, line, language, code, directive }
	})

const parseDirective = (comment: string | undefined, language: string, where: string): Directive => {
	let mode: Directive['mode'] = PROGRAMS.includes(language) ? 'run' : 'skip'
	let file: string | undefined
	let continues = false
	let stays = false
	let exitCode = 0
	const env: Record<string, string> = {}
	for (const part of comment?.split(',').map(each => each.trim()) ?? []) {
		const [word = '', rest = ''] = part.split(/\s+(.*)/s)
		if (word === 'run' || word === 'types-only' || word === 'skip') mode = word
		else if (word === 'continues') continues = true
		else if (word === 'stays') stays = true
		else if (word === 'exits' && /^\d+$/.test(rest)) exitCode = Number(rest)
		else if (word === 'env' && rest.includes('='))
			env[rest.slice(0, rest.indexOf('='))] = rest.slice(rest.indexOf('=') + 1)
		else if (word === 'file' && rest !== '' && rest === basename(rest)) {
			mode = 'file'
			file = rest
		} else throw new Error(`${where}: '${part}' is nothing that a sample can be told`)
	}
	return { mode, file, continues, stays, exitCode, env }
}

/**
 * The code of a sample as a module of its own, with that of the blocks which it continues. Every line keeps its number
 * in the document, so that whatever is said about the module can be said about the document.
 */
export const moduleOf = (sample: Sample, all: readonly Sample[]): string => {
	const same = all.filter(
		({ document, language }) => document === sample.document && language === sample.language,
	)
	const parts = [sample]
	while (parts[0]!.directive.continues) {
		const before = same[same.indexOf(parts[0]!) - 1]
		if (before === undefined) throw new Error(`${titleOf(sample)} continues nothing`)
		parts.unshift(before)
	}
	return parts.reduce(
		(text, { line, code }) => text.padEnd(text.length + line - text.split('\n').length, '\n') + code,
		'',
	)
}

export const titleOf = ({ document, line }: Sample): string => `${document}:${line}`

/** The hosts that RFC 2606 keeps free for examples become the test's own origin. */
export const withOrigin = (code: string, origin: string): string =>
	code.replaceAll(/https?:\/\/(?:[\w-]+\.)*example\.(?:com|org|net)(?=[/'"`\s?#]|$)/gm, origin)

/**
 * What `// → value`, or `# → value` in a shell, says will be printed, in this order. `…` stands for anything, and before
 * a unit of time for any duration: what takes milliseconds takes seconds on a busy machine.
 */
export const expectedOutput = ({ code, language }: Sample): string[] =>
	[...code.matchAll(language === 'sh' ? /#\s*→ ?(.*)$/gm : /\/\/\s*→ ?(.*)$/gm)].map(([, value = '']) =>
		value.trim(),
	)

/** The expected lines that the output does not have, in their order, each found after the one before it. */
export const missingOutput = (expected: readonly string[], output: string): string[] => {
	const lines = output.split('\n').map(line => line.trim())
	let from = 0
	return expected.filter(value => {
		const parts = value.split(/(… (?:ms|s)\b|…)/)
		const pattern = new RegExp(`^${parts.map(part => PLACEHOLDERS.get(part) ?? escape(part)).join('')}$`)
		const found = lines.findIndex((line, index) => index >= from && pattern.test(line))
		if (found >= 0) from = found + 1
		return found < 0
	})
}

const DURATION = String.raw`[\d.]+ (?:ms|s|min(?: \d+ s)?)`
const PLACEHOLDERS = new Map([
	['…', '.*'],
	['… ms', DURATION],
	['… s', DURATION],
])

const escape = (text: string): string => text.replaceAll(/[$()*+.?[\\\]^{|}]/g, '\\$&')

const COMPILER: ts.CompilerOptions = {
	target: ts.ScriptTarget.ES2022,
	module: ts.ModuleKind.NodeNext,
	moduleResolution: ts.ModuleResolutionKind.NodeNext,
	moduleDetection: ts.ModuleDetectionKind.Force,
	lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
	types: ['node'],
	strict: true,
	skipLibCheck: true,
}

/** Without its types, and without syntax that the oldest Node that we support does not know. */
export const compile = (path: string, code: string): string =>
	ts.transpileModule(code, {
		compilerOptions: { ...COMPILER, module: ts.ModuleKind.ESNext },
		fileName: path,
	}).outputText

/** What the compiler says about these files, by file, with the line numbers of the document. */
export const typeErrors = (
	paths: readonly string[],
): Map<string, ReadonlyArray<readonly [number, string]>> => {
	const program = ts.createProgram(paths, { ...COMPILER, noEmit: true })
	const found = new Map<string, Array<readonly [number, string]>>()
	for (const { file, start, messageText } of ts.getPreEmitDiagnostics(program)) {
		const path = file?.fileName ?? ''
		const line = file === undefined ? 0 : file.getLineAndCharacterOfPosition(start ?? 0).line + 1
		const message = ts.flattenDiagnosticMessageText(messageText, '\n')
		found.set(path, [...(found.get(path) ?? []), [line, message]])
	}
	return found
}
