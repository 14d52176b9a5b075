import type { ExecutionContext } from 'ava'
import { MemoryConfigDb } from '../../lib/config/memory.ts'
import { silentLogger } from '../../lib/core/logger.ts'
import { createGateway } from '../../lib/gateway/gateway.ts'
import { browserTest, openPage, type Visit } from '../support/browser.ts'
import { parseExposition } from '../support/exposition.ts'
import { item, push, startGateway, TOKENS, tokens, type RunningGateway } from '../support/gateway.ts'
import { waitFor } from '../support/wait.ts'
import { serve } from '../support/serve.ts'
import { enter, rowsOf, shows } from './page-reader.ts'

const test = browserTest()

const assertQuiet = (t: ExecutionContext, { requested, complaints }: Visit, origin: string): void => {
	t.deepEqual(complaints, [])
	t.deepEqual(
		requested.filter(url => !url.startsWith(`${origin}/`) && !url.startsWith('data:')),
		[],
	)
}

/** A service that is pushed, one that is pulled, one whose origin is broken, and a push that was refused. */
const fill = async (t: ExecutionContext, { ask, gateway }: RunningGateway): Promise<void> => {
	const put = async (service: string, json: object): Promise<number> =>
		(await ask(`/v1/services/${service}`, { method: 'PUT', json })).status
	const of = (service: string, requestType: string): object => ({ ...item(requestType), service })
	t.is(await put('users', push('1.4.0', [item('get_user'), item('list_users')])), 201)
	for (const service of ['orders', 'billing'] as const)
		t.is(
			await put(service, {
				...{ configVersion: '2.0.0', nodes: [origins.get(gateway)], items: [of(service, 'get')] },
				...{ target: `/${service}`, refreshInterval: 100 },
			}),
			201,
		)
	t.is(await put('users', push('1.5.0', [item('get_user'), { requestType: 'broken', nodes: [] }])), 422)
}

const origins = new WeakMap<object, string>()

const startFilled = async (t: ExecutionContext): Promise<RunningGateway> => {
	const { url } = await serve(t, (request, response) => {
		if (request.url !== '/orders') return void response.writeHead(500).end()
		const items = [{ ...item('get'), service: 'orders' }]
		response
			.setHeader('content-type', 'application/json')
			.end(JSON.stringify({ configVersion: '3.0.0', items }))
	})
	const running = await startGateway(t, {
		pull: { allowedOrigins: [url.origin], allowedAddresses: ['127.0.0.0/8'], minRefreshInterval: 50 },
	})
	origins.set(running.gateway, url.origin)
	await fill(t, running)
	return running
}

test('the page asks for a token, and shows what the gateway has to whoever knows one', async t => {
	const running = await startFilled(t)
	const visit = await openPage(t)
	const { page } = visit
	await page.goto(running.url)
	await shows(page, '#state', 'ready')
	t.is(await page.title(), 'remote-term gateway')
	t.false(await page.locator('#all').isVisible())

	await enter(page, 'no-token-of-this-gateway-0123')
	await shows(page, '[role=alert]', 'This token is not known')
	t.false(await page.locator('#all').isVisible())
	await enter(page, TOKENS.push)
	await shows(page, '[role=alert]', 'with the scope read')
	await enter(page, 'kein Schlüssel')
	await shows(page, '[role=alert]', 'No token has such characters')

	await enter(page, TOKENS.read)
	await shows(page, '#services-rows', 'users')
	t.is(await page.locator('[role=alert]').textContent(), '')
	t.false(await page.locator('form').isVisible())
	// Until the pulls have gone well and badly.
	await waitFor(async () => {
		const { pulls } = (await running.ask('/v1/pulls')).body as unknown as { pulls: Array<{ status: string }> }
		return (
			pulls
				.map(({ status }) => status)
				.sort()
				.join() === 'failing,ok'
		)
	})
	await page.evaluate('refresh()')
	await shows(page, '#pulls-rows', 'failing')
	t.deepEqual(
		(await rowsOf(page, 'services')).map(([service, version, , items, from]) => [
			service,
			version,
			items,
			from,
		]),
		[
			['users', '1.4.0', '2', 'push'],
			['orders', '3.0.0', '1', 'pull, also pulled'],
			['billing', '2.0.0', '1', 'push, also pulled'],
		].sort(),
	)
	const pulls = (await rowsOf(page, 'pulls')).map(([service, status]) => [service, status])
	t.deepEqual(pulls.sort(), [
		['billing', 'failing'],
		['orders', 'ok'],
	])
	t.regex((await page.locator('#pulls-rows').textContent())!, /FETCH_STATUS/)
	const failures = (await rowsOf(page, 'failures')).map(cells => cells.slice(0, 3).join(' '))
	t.true(
		failures.some(line => line.startsWith('users broken') && line.endsWith('push')),
		failures.join('\n'),
	)
	t.deepEqual(
		[
			await page.locator('#n-services').textContent(),
			await page.locator('#n-items').textContent(),
			await page.locator('#n-failing').textContent(),
			await page.locator('#state').textContent(),
		],
		['3', '4', '1 of 2', 'ready'],
	)
	const { version } = (await running.ask('/v1/status')).body['gateway'] as { version: string }
	t.is(await page.locator('#version').textContent(), `version ${version}`)

	await page.getByRole('button', { name: 'Forget the token' }).click()
	t.false(await page.locator('#all').isVisible())
	t.false((await page.content()).includes('users'), 'it is forgotten, and not only hidden')
	t.deepEqual(
		visit.complaints.filter(one => !/status of 40[13]/.test(one)),
		[],
	)
	assertQuiet(t, { ...visit, complaints: [] }, running.url)
})

test('the page goes on looking: at new versions, at a gateway that is gone, at a token that is good no more', async t => {
	const running = await startGateway(t)
	const { ask, gateway, url } = running
	await ask('/v1/services/users', { method: 'PUT', json: push('1') })
	const { page } = await openPage(t)
	await page.clock.install()
	await page.goto(url)
	await enter(page, TOKENS.read)
	await shows(page, '#services-rows td', /^1$/)
	await page.evaluate("getSelection().selectAllChildren(document.querySelector('#services-rows tbody th'))")
	await page.clock.runFor(5_000)
	t.is(await page.evaluate('String(getSelection())'), 'users', 'what has not changed is not drawn again')
	await ask('/v1/services/users', { method: 'PUT', json: push('<i>2</i>', [item('get_user'), item('b')]) })
	await page.clock.runFor(5_000)
	await shows(page, '#services-rows td', '<i>2</i>')
	t.is(await page.locator('#n-items').textContent(), '2')

	await page.clock.runFor(120_000)
	await shows(page, '#services-rows time', '2 minutes ago')

	gateway.setTokens(tokens.filter(({ name }) => name !== 'reader'))
	await page.clock.runFor(5_000)
	await shows(page, '[role=alert]', 'This token is not known')
	const failed = async (): Promise<number | undefined> =>
		parseExposition((await ask('/metrics')).text).get('remote_term_gateway_authentication_failures_total')
			?.samples[0]?.value
	t.is(await failed(), 1)
	await page.clock.runFor(60_000)
	t.is(await failed(), 1, 'a token that was refused is not brought again')
	gateway.setTokens(tokens)
	await enter(page, TOKENS.read)
	await shows(page, '#services-rows td', '<i>2</i>')

	await gateway.close()
	await page.clock.runFor(5_000)
	await shows(page, '#state', 'does not answer')
	t.regex((await page.locator('#all').getAttribute('class')) ?? '', /stale/)
	t.true(await page.locator('#services-rows').isVisible(), 'what was last known stays')
})

test('whatever the gateway is told, the page shows as text', async t => {
	const running = await startGateway(t)
	const bad = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>'
	await running.ask('/v1/services/users', { method: 'PUT', json: push(bad) })
	const visit = await openPage(t)
	const { page } = visit
	await page.goto(running.url)
	await enter(page, TOKENS.read)
	await shows(page, '#services-rows td', bad)

	// Names with markup in them are refused by the gateway; the page does not rely on it.
	const pull = {
		service: bad,
		status: bad,
		by: 'push',
		nodes: [bad],
		configVersion: bad,
		consecutiveFailures: 1,
	}
	const status = {
		gateway: { status: bad, version: bad, startedAt: 1, items: 1, connections: 1 },
		services: [
			{ service: bad, configVersion: bad, revision: 1, items: 1, source: bad, committedAt: 1, pulled: true },
		],
		pulls: [{ ...pull, lastError: { code: bad, message: bad } }],
		failures: [
			{ service: bad, requestType: bad, version: bad, source: bad, reasons: [bad, bad], count: 1, lastAt: 1 },
		],
	}
	await page.route('**/v1/status', route => route.fulfill({ json: status }))
	await page.evaluate('refresh()')
	await shows(page, '#failures-rows td', bad)
	await shows(page, '#state', bad)
	t.deepEqual(
		await page.evaluate("[window.pwned, document.querySelectorAll('main img, main script').length]"),
		[undefined, 0],
	)
	assertQuiet(t, visit, running.url)
	// Were there a hole in that, the policy would still run nothing.
	await page.evaluate(`document.querySelector('main').innerHTML = ${JSON.stringify(bad)}`)
	await page.evaluate('new Promise(resolve => setTimeout(resolve))')
	t.is(await page.evaluate('window.pwned'), undefined)
	t.true(visit.complaints.some(one => /Content Security Policy/.test(one)))
})

test('the page is usable by keyboard, and says what everything is', async t => {
	const running = await startFilled(t)
	const { page } = await openPage(t)
	await page.goto(running.url)
	await shows(page, '#state', 'ready')
	const focused = (): Promise<unknown> =>
		page.evaluate('document.activeElement.id || document.activeElement.textContent')
	t.is(await focused(), 'token', 'one can begin to type')
	await page.keyboard.type(TOKENS.read)
	await page.keyboard.press('Tab')
	t.is(await focused(), 'Show')
	await page.keyboard.press('Enter')
	await shows(page, '#services-rows', 'users')
	t.is(await focused(), 'services-head')
	await page.keyboard.press('Tab')
	t.is(await focused(), 'filter')
	await page.keyboard.type('user')
	await shows(page, '#services-count', '1 of 3')
	t.deepEqual(
		(await rowsOf(page, 'services')).map(([name]) => name),
		['users'],
	)
	await page.keyboard.press('Shift+Tab')
	t.is(await focused(), 'leave')
	for (const name of ['Services', 'Pulls', 'Failures']) {
		t.is(await page.getByRole('region', { name }).count(), 1, name)
		t.is(await page.getByRole('heading', { name }).count(), 1, name)
	}
	t.is(await page.getByRole('table', { name: 'Services' }).count(), 1)
	t.is(await page.getByRole('columnheader', { name: 'version' }).first().count(), 1)
	t.is(await page.getByRole('rowheader', { name: 'users' }).first().count(), 1)
	t.is(await page.getByRole('searchbox', { name: 'Filter by service' }).count(), 1)
	await page.keyboard.press('Enter')
	t.is(await focused(), 'token')
	t.is(await page.getByRole('textbox', { name: 'Token' }).inputValue(), '')
	// A telephone's width: nothing but tables is wider, and those scroll by themselves.
	await enter(page, TOKENS.read)
	await page.setViewportSize({ width: 360, height: 700 })
	t.true(await page.evaluate<boolean>('document.documentElement.scrollWidth <= 360'))
})

test('the page needs no token where nobody does', async t => {
	const running = await startGateway(t, { tokens: [], allowAnonymous: 'loopback' })
	const visit = await openPage(t)
	await visit.page.goto(running.url)
	await shows(visit.page, '#services-rows', 'No service has pushed yet.')
	t.false(await visit.page.locator('form').isVisible())
	assertQuiet(t, visit, running.url)
})

test('the page works where it is mounted, with a slash at the end or without', async t => {
	const gateway = createGateway({
		...{ db: new MemoryConfigDb(), tokens, basePath: '/team/config', logger: silentLogger },
	})
	t.teardown(() => gateway.close())
	await gateway.start()
	const { url } = await serve(t, (request, response) => gateway.listener(request, response))
	const visit = await openPage(t)
	for (const path of ['team/config', 'team/config/']) {
		await visit.page.goto(new URL(path, url).href)
		await enter(visit.page, TOKENS.read)
		await shows(visit.page, '#services-rows', 'No service has pushed yet.')
	}
	assertQuiet(t, visit, url.origin)
})
