import { readFileSync } from 'node:fs'
import test from 'ava'
import { GATEWAY_FAMILIES } from '../../lib/gateway/gateway-families.ts'
import { STREAM_FAMILIES } from '../../lib/gateway/stream/stream-families.ts'
import type { Family } from '../../lib/metrics/exposition.ts'
import { readSettings, shownSettings } from '../../lib/gateway/settings/settings.ts'
import { settingsSchema } from '../../lib/gateway/settings/schema.ts'
import { GATEWAY_VARIABLES } from '../../lib/gateway/settings/variables.ts'

const SECRET = 'a-token-that-nobody-may-see-0123'
const minimal = { memory: true, token: SECRET }

test('what is left out has its default', t => {
	const settings = readSettings({ file: minimal })
	t.like(settings, {
		...{ host: '127.0.0.1', port: 8787, allowAnonymous: false, trustedProxies: 0, basePath: '' },
		pull: { allowedOrigins: [], refreshInterval: 30_000 },
		limits: { maxBodyBytes: 8_388_608, maxItems: 10_000 },
		rateLimit: { perSecond: 200, burst: 400 },
	})
})

test('an option goes before a variable, and that before the file', t => {
	const file = { ...minimal, port: 1, host: 'file', pull: { timeout: 1, refreshInterval: 7 } }
	const env = {
		REMOTE_TERM_GATEWAY_PORT: '2',
		REMOTE_TERM_GATEWAY_PULL_TIMEOUT: ' 2 ',
		REMOTE_TERM_GATEWAY_ALLOWED_ORIGINS: 'https://a.example, https://b.example',
		REMOTE_TERM_GATEWAY_HOST: '',
		REMOTE_TERM_GATEWAY_RATE_PER_SECOND: '0.5',
		REMOTE_TERM_GATEWAY_SERVICE_HOST: '10.0.0.1',
		REMOTE_TERM_GATEWAY_PORT_8787_TCP: 'tcp://10.0.0.1:8787',
	}
	const flags = [
		{ flag: '--port', key: 'port', value: 3 },
		{ flag: '--host', key: 'host', value: undefined },
	]
	t.like(readSettings({ file, env, flags }), {
		...{ port: 3, host: 'file' },
		pull: { timeout: 2, refreshInterval: 7, allowedOrigins: ['https://a.example', 'https://b.example'] },
		rateLimit: { perSecond: 0.5, burst: 400 },
	})
	t.like(file, { port: 1, pull: { timeout: 1 } }, 'the file as it was read is left alone')
})

test('every fault is told at once, by the name of where it was said, and without what was said', t => {
	const file = {
		memory: true,
		tokens: [{ name: 'a', scopes: ['write'], token: SECRET }],
		limits: { maxItem: 1 },
	}
	const env = {
		REMOTE_TERM_GATEWAY_PORT: 'eighty',
		REMOTE_TERM_GATEWAY_TOKEN: 'short-secret',
		REMOTE_TERM_GATEWAY_TOKEN_FILE: '/x',
	}
	const flags = [{ flag: '--allow-origin', key: 'pull.allowedOrigins', value: [''] }]
	const error = t.throws(() => readSettings({ file, fileName: 'gateway.json', env, flags }), {
		code: 'INVALID_OPTION',
		message: /^The configuration \(gateway\.json\) cannot be used: /,
	})
	for (const name of [
		'REMOTE_TERM_GATEWAY_PORT: ',
		'REMOTE_TERM_GATEWAY_TOKEN: ',
		'REMOTE_TERM_GATEWAY_TOKEN_FILE: is no variable',
		'tokens.0.scopes.0: ',
		'limits: ',
		'--allow-origin: ',
	])
		t.true(error.message.includes(name), `${name} in ${error.message}`)
	t.false(error.message.includes('secret') || error.message.includes(SECRET))
})

test('what says nothing of the database, or of who may come in, is no configuration', t => {
	const faults = (file: object): string => t.throws(() => readSettings({ file })).message
	t.regex(faults({ token: SECRET }), /data: expected one of data, memory and nats.*got none/)
	t.regex(faults({ ...minimal, data: '/x' }), /got data and memory/)
	t.regex(faults({ memory: true }), /tokens: expected token, tokens or tokensFile/)
	t.notThrows(() => readSettings({ file: { memory: true, allowAnonymous: 'loopback' } }))
	t.regex(faults({ ...minimal, allowAnonymous: true }), /allowAnonymous: /)
	t.regex(faults([]), /to be an object/)
	t.regex(faults({ ...minimal, basePath: '/a/' }), /basePath: /)
})

test('of a key that may be of several kinds the fault within is named, or the kinds', t => {
	const faults = (file: object): string =>
		t.throws(() => readSettings({ file: { ...minimal, ...file } })).message
	t.regex(
		faults({ stream: { lifetime: 'x', prt: 1 } }),
		/: stream\.lifetime: expected number or null; stream: .*"prt"/,
	)
	t.regex(faults({ stream: true }), /: stream: expected false or object$/)
	t.regex(faults({ rateLimit: { burst: 0 } }), /: rateLimit\.burst: /)
	t.regex(faults({ nats: { servers: 5 } }), /: nats\.servers: expected string or array/)
	t.regex(faults({ nats: 5 }), /: nats: expected string or object/)
	t.regex(faults({ allowAnonymous: true }), /: allowAnonymous: expected false or loopback or anywhere/)
	t.regex(faults({ tls: { certFile: 'cert.pem' } }), /: tls\.keyFile: /)
})

test('settings are shown without their secrets', t => {
	const settings = readSettings({
		file: {
			...{ token: SECRET, nats: { servers: 'nats://a:4222', pass: SECRET, user: 'u' } },
			tokens: [
				{ name: 'a', scopes: ['read'], token: `${SECRET}-2` },
				{ name: 'b', scopes: ['read'], sha256: 'ab'.repeat(32) },
			],
		},
	})
	const shown = JSON.stringify(shownSettings(settings))
	t.false(shown.includes(SECRET) || shown.includes('abababab'))
	t.true(shown.includes('"token":"…0123"'))
	const url = JSON.stringify(
		shownSettings(readSettings({ file: { ...minimal, memory: false, nats: 'nats://u:p4ss@h:1' } })),
	)
	t.false(url.includes('p4ss'))
})

test('the stream above is named by variables too, its token is not shown, and false turns the stream off', t => {
	const env = {
		REMOTE_TERM_GATEWAY_UPSTREAM_URL: 'https://gateway.example.com',
		REMOTE_TERM_GATEWAY_UPSTREAM_TOKEN: SECRET,
		REMOTE_TERM_GATEWAY_STREAM_MAX_CLIENTS: '7',
	}
	const settings = readSettings({ file: minimal, env })
	t.like(settings.stream, { maxClients: 7, upstream: { url: 'https://gateway.example.com', token: SECRET } })
	t.false(JSON.stringify(shownSettings(settings)).includes(SECRET))
	t.false(readSettings({ file: { ...minimal, stream: false } }).stream)
	const key = 'c0ffee'.repeat(8)
	const sealed = readSettings({
		file: minimal,
		env: {
			...env,
			REMOTE_TERM_GATEWAY_UPSTREAM_LAST_GOOD: '/var/lib/remote-term',
			REMOTE_TERM_GATEWAY_UPSTREAM_LAST_GOOD_KEY: key,
		},
	})
	t.like(sealed.stream, { upstream: { lastGood: '/var/lib/remote-term', lastGoodKey: key } })
	t.false(JSON.stringify(shownSettings(sealed)).includes(key))
	const homeless = { ...env, REMOTE_TERM_GATEWAY_UPSTREAM_LAST_GOOD_KEY: key }
	t.regex(
		t.throws(() => readSettings({ file: minimal, env: homeless })).message,
		/UPSTREAM_LAST_GOOD_KEY: there is no lastGood/,
	)
	const ftp = { ...minimal, stream: { upstream: { url: 'ftp://gateway' } } }
	t.regex(t.throws(() => readSettings({ file: ftp })).message, /stream\.upstream\.url: |stream: /)
})

test('every variable stands for a key that there is', t => {
	const shape = settingsSchema.shape as Readonly<Record<string, unknown>>
	for (const { name, path } of GATEWAY_VARIABLES) t.true(path[0]! in shape, name)
	t.is(new Set(GATEWAY_VARIABLES.map(({ name }) => name)).size, GATEWAY_VARIABLES.length)
})

const docs = readFileSync(new URL('../../../docs/gateway.md', import.meta.url), 'utf8')

test('docs/gateway.md names every variable and every key of the configuration, and no other', t => {
	const variables = [...new Set(docs.match(/REMOTE_TERM_GATEWAY_[A-Z_]+/g))].sort()
	t.deepEqual(variables, GATEWAY_VARIABLES.map(({ name }) => name).sort())
	const settings = readSettings({ file: minimal })
	const keys = Object.entries(settingsSchema.shape).flatMap(([key]) => {
		const value = (settings as Readonly<Record<string, unknown>>)[key]
		const isGroup = ['pull', 'limits', 'timeouts'].includes(key)
		return isGroup ? Object.keys(value as object).map(inner => `${key}.${inner}`) : [key]
	})
	const told = [...docs.matchAll(/^\| `([A-Za-z.]+)` \| .* \| .* \|$/gm)].map(([, key]) => key!)
	t.deepEqual(told.sort(), keys.sort())
})

test('docs/gateway.md has every metric with its help, and no other', t => {
	const families: readonly Family[] = [...Object.values(GATEWAY_FAMILIES), ...Object.values(STREAM_FAMILIES)]
	for (const { name, type, help } of families)
		t.regex(
			docs,
			new RegExp(
				`^\\| \`remote_term_${name}\`.* \\| ${type}\\. ${help.replaceAll(/[./]/g, '\\$&')} \\|$`,
				'm',
			),
		)
	t.is(docs.match(/^\| `remote_term_/gm)?.length, families.length)
})
