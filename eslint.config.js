import ava from 'eslint-plugin-ava'
import { defineConfig, globalIgnores } from 'eslint/config'
import tseslint from 'typescript-eslint'

const noDefaultExport = [
	{ selector: 'ExportDefaultDeclaration', message: 'Named exports only.' },
	{ selector: 'ExportSpecifier[exported.name="default"]', message: 'Named exports only.' },
]

/** Law 8 of the design: time, chance and network are parameters, so that every schedule can be tested. */
const timeIsAParameter = {
	globals: ['setTimeout', 'setInterval', 'performance'].map(name => ({
		name,
		message: 'Time is a parameter: take a Clock.',
	})),
	properties: [
		{ object: 'Date', property: 'now', message: 'Time is a parameter: take a Clock.' },
		{ object: 'AbortSignal', property: 'timeout', message: 'Time is a parameter: take a Clock.' },
		{
			object: 'globalThis',
			property: 'setTimeout',
			message: 'Time is a parameter: take a Clock.',
		},
	],
	syntax: [
		{
			selector: 'NewExpression[callee.name="Date"][arguments.length=0]',
			message: 'Time is a parameter: take a Clock.',
		},
		{
			// `random = Math.random`, the default of an option, is not a call and therefore allowed.
			selector: 'CallExpression[callee.object.name="Math"][callee.property.name="random"]',
			message: 'Chance is a parameter: take a `random` option.',
		},
	],
	imports: ['node:timers', 'node:timers/promises', 'timers', 'timers/promises'].map(name => ({
		name,
		message: 'Time is a parameter: take a Clock.',
	})),
}

/** What only Node has. Its place is behind a condition of package.json's "imports", or in a Node-only adapter. */
const nodeGlobals = ['Buffer', 'process', 'global', 'setImmediate', '__dirname', '__filename', 'require'].map(
	name => ({
		name,
		message: 'This file also runs where there is no Node.',
	}),
)

export default defineConfig(
	globalIgnores(['dist/', 'coverage/']),
	{
		linterOptions: { reportUnusedDisableDirectives: 'error' },
		rules: {
			eqeqeq: 'error',
			'no-eval': 'error',
			'no-new-func': 'error',
			'no-console': 'error',
			'no-restricted-syntax': ['error', ...noDefaultExport],
		},
	},
	{
		files: ['**/*.ts'],
		extends: [tseslint.configs.recommendedTypeChecked],
		languageOptions: {
			parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
		},
		rules: {
			'@typescript-eslint/consistent-type-exports': 'error',
			'@typescript-eslint/consistent-type-imports': [
				'error',
				{ fixStyle: 'inline-type-imports', disallowTypeAnnotations: false },
			],
			'@typescript-eslint/no-deprecated': 'error',
			'@typescript-eslint/no-import-type-side-effects': 'error',
			'@typescript-eslint/return-await': ['error', 'error-handling-correctness-only'],
			'@typescript-eslint/switch-exhaustiveness-check': [
				'error',
				{ considerDefaultExhaustiveForUnions: true },
			],
			'@typescript-eslint/use-unknown-in-catch-callback-variable': 'error',
			// `async` without `await` is how a method that throws keeps its promise to reject instead.
			'@typescript-eslint/require-await': 'off',
			// What was caught is passed on as it is, an Error or not; what we make ourselves is an Error.
			'@typescript-eslint/only-throw-error': [
				'error',
				{ allowThrowingUnknown: true, allowRethrowing: true, allowThrowingAny: false },
			],
			'@typescript-eslint/prefer-promise-reject-errors': [
				'error',
				{ allowThrowingUnknown: true, allowThrowingAny: false },
			],
			// The compiler reports these already (noUnusedLocals, noUnusedParameters), and knows about `_`.
			'@typescript-eslint/no-unused-vars': 'off',
		},
	},
	{
		files: ['lib/**/*.ts', 'fetchers/**/*.ts'],
		rules: {
			'no-restricted-globals': ['error', ...timeIsAParameter.globals],
			'no-restricted-properties': ['error', ...timeIsAParameter.properties],
			'no-restricted-syntax': ['error', ...noDefaultExport, ...timeIsAParameter.syntax],
			'no-restricted-imports': ['error', ...timeIsAParameter.imports],
		},
	},
	{
		files: ['lib/{core,term,codecs}/**/*.ts', 'lib/*/portable.ts', 'lib/*/none.ts', 'lib/index.ts']
			.concat(['fetchers/{static,http,failover}{,-*}.ts', 'fetchers/{static,http,failover}/**/*.ts'])
			.concat(['fetchers/http-request/fetch.ts']),
		rules: {
			'no-restricted-globals': ['error', ...timeIsAParameter.globals, ...nodeGlobals],
		},
	},
	{
		// The one place where time comes from, and the one that turns it into a toy for tests.
		files: ['lib/core/clock.ts', 'lib/testing/fake-clock.ts'],
		rules: {
			'no-restricted-globals': ['error', ...nodeGlobals],
			'no-restricted-properties': 'off',
		},
	},
	{
		files: ['lib/cli/**', 'lib/core/logger.ts', 'examples/**', 'benchmarks/**', '.ci/**'],
		rules: { 'no-console': 'off' },
	},
	{
		files: ['test/**/*.ts'],
		extends: [ava.configs.recommended],
		rules: {
			// AVA runs what these compile to.
			'ava/no-ignored-test-files': 'off',
			// The compiler knows the assertions' arguments better.
			'ava/assertion-arguments': 'off',
			// One suite for several implementations asserts what each promises. A test that asserts nothing fails anyway.
			'ava/no-conditional-assertion': 'off',
			// `const { url } = await start()` of an object made of closures, as those of tests are.
			'@typescript-eslint/unbound-method': 'off',
			// `t.is(t.throws(…)?.code, …)` says what it means.
			'ava/no-nested-assertions': 'off',
			// How a property, which fails by throwing, says that it held.
			'ava/no-useless-t-pass': 'off',
		},
	},
	{
		files: ['*.config.js'],
		rules: { 'no-restricted-syntax': 'off' },
	},
)
