import { createHash } from 'node:crypto'
import test from 'ava'
import { push, startGateway } from '../support/gateway.ts'
import { parseExposition } from '../support/exposition.ts'

test('the page has nothing from elsewhere, and may run nothing but its own script', async t => {
	const { ask } = await startGateway(t)
	const { headers, text } = await ask('/', { token: null })
	t.is(headers.get('content-type'), 'text/html; charset=utf-8')
	t.notRegex(text, /https?:\/\/|src=|href=(?!"data:)|@import|url\(|\son\w+=/)
	const policy = headers.get('content-security-policy') ?? ''
	const digestOf = (tag: string): string => {
		const [, content = ''] = new RegExp(`<${tag}>([^]*?)</${tag}>`).exec(text) ?? []
		t.true(content.length > 100)
		return `'sha256-${createHash('sha256').update(content).digest('base64')}'`
	}
	t.deepEqual(policy.split('; ').sort(), [
		"base-uri 'none'",
		"connect-src 'self'",
		"default-src 'none'",
		"form-action 'none'",
		"frame-ancestors 'none'",
		'img-src data:',
		`script-src ${digestOf('script')}`,
		`style-src ${digestOf('style')}`,
	])
	t.is(headers.get('x-content-type-options'), 'nosniff')
	// What it shows is foreign, so it is set as text.
	t.notRegex(text, /innerHTML|outerHTML|insertAdjacent|document\.write|eval|localStorage|sessionStorage/)
})

test('every answer says what it is, and that it is not to be guessed at or kept', async t => {
	const { ask } = await startGateway(t)
	for (const path of ['/v1/services', '/v1/status', '/nowhere', '/healthz', '/metrics']) {
		const { headers } = await ask(path)
		t.is(headers.get('x-content-type-options'), 'nosniff', path)
		t.is(headers.get('cache-control'), 'no-store', path)
	}
})

test('metrics are what Prometheus reads, and count what has happened', async t => {
	const { ask } = await startGateway(t)
	const put = { method: 'PUT', json: push('1') } as const
	await ask('/v1/services/users', put)
	await ask('/v1/services/users', put)
	await ask('/v1/services/users', { ...put, json: {} })
	await ask('/v1/services/users', { token: null })
	await ask('/nowhere')
	await ask('/also/nowhere', { method: 'PROPFIND' })
	const { text, headers } = await ask('/metrics')
	t.is(headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
	const families = parseExposition(text)
	const sum = (name: string, labels: Readonly<Record<string, string>>): number =>
		[...families.values()]
			.flatMap(({ samples }) => samples)
			.filter(
				sample =>
					sample.name === `remote_term_gateway_${name}` &&
					Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
			)
			.reduce((total, { value }) => total + value, 0)
	t.is(sum('pushes_total', { outcome: 'accepted' }), 1)
	t.is(sum('pushes_total', { outcome: 'skipped' }), 1)
	t.is(sum('pushes_total', { outcome: 'refused' }), 1)
	t.is(sum('refusals_total', { code: 'VALIDATION_FAILED' }), 1)
	t.is(sum('authentication_failures_total', {}), 1)
	t.is(sum('requests_total', { route: '/v1/services/{service}', method: 'PUT' }), 3)
	t.is(sum('requests_total', { route: '(none)' }), 2)
	t.is(sum('requests_total', { method: '(other)' }), 1)
	t.is(sum('request_duration_seconds_count', { route: '/v1/services/{service}' }), 4)
	t.is(sum('services', {}), 1)
	t.is(sum('items', {}), 1)
	t.true(sum('failure_records', {}) > 0)
	t.is(sum('ready', {}), 1)
	t.true(sum('connections', {}) >= 1)
})
