import { browserTest, openPage } from '../support/browser.ts'
import { push, startGateway, TOKENS } from '../support/gateway.ts'
import { closedPort } from '../support/ports.ts'
import { enter, rowsOf, shows } from './page-reader.ts'
import { followGateway } from './stream-client.ts'

const test = browserTest()

test('the page shows the stream: who follows it, what was told last, who was refused or dropped', async t => {
	const { ask, url } = await startGateway(t)
	t.is((await ask('/relay_auto_config')).status, 503)
	await ask('/v1/services/users', { method: 'PUT', json: push('1') })
	const client = followGateway(t, url, TOKENS.read)
	await client.start()
	const { page } = await openPage(t)
	await page.goto(url)
	await enter(page, TOKENS.read)
	await shows(page, '#streams-rows', 'serving')
	// served: clients, items; connected, refused, dropped, last error
	t.deepEqual(await rowsOf(page, 'streams'), [['served', 'serving', '1', '1', '1', '1', '0', '–']])
	t.is(await page.locator('#streams-rows time').count(), 2, 'since when, and the last news')
	await page.getByRole('searchbox', { name: 'Filter by service' }).fill('nobody')
	t.is((await rowsOf(page, 'streams')).length, 1, 'it is of no service')
})

test('the page shows the stream that is passed on, and what is wrong with it', async t => {
	const { url } = await startGateway(t, {
		stream: { upstream: { url: `http://127.0.0.1:${await closedPort()}`, token: TOKENS.read } },
	})
	const { page } = await openPage(t)
	await page.goto(url)
	await enter(page, TOKENS.read)
	await shows(page, '#streams-rows', 'FETCH_FAILED')
	const [served, upstream] = await rowsOf(page, 'streams')
	t.deepEqual(served?.slice(0, 2), ['served', 'starting'])
	t.is(upstream?.[0], 'upstream')
	t.regex(upstream!.at(-1)!, /^FETCH_FAILED: /)
})

test('the page says so where no stream is served', async t => {
	const { url } = await startGateway(t, { stream: false })
	const { page } = await openPage(t)
	await page.goto(url)
	await enter(page, TOKENS.read)
	await shows(page, '#streams-rows', 'No stream is served.')
	t.deepEqual(await rowsOf(page, 'streams'), [])
})
