import { createHash } from 'node:crypto'

/**
 * One page, with nothing from elsewhere. It asks for a token, keeps it in memory only, and shows `v1/status`. Whatever
 * it shows is set as text, never as markup.
 */
const STYLE = `
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif }
body { margin: 2rem auto; max-width: 70rem; padding: 0 1rem }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #8884; vertical-align: top; overflow-wrap: anywhere }
form { display: flex; gap: .5rem; flex-wrap: wrap } input { flex: 1 1 20rem; font: inherit; padding: .3rem }
button { font: inherit; padding: .3rem 1rem } .bad { color: #c33 } .dim { opacity: .65 }
`

const SCRIPT = `
'use strict'
const at = id => document.getElementById(id)
const add = (parent, tag, text, kind) => {
	const element = document.createElement(tag)
	if (text !== undefined) element.textContent = String(text)
	if (kind) element.className = kind
	parent.append(element)
	return element
}
const table = (id, heads, rows, empty) => {
	const place = at(id)
	place.replaceChildren()
	if (rows.length === 0) { add(place, 'p', empty, 'dim'); return }
	const grid = add(place, 'table')
	const head = add(add(grid, 'thead'), 'tr')
	for (const one of heads) add(head, 'th', one)
	const body = add(grid, 'tbody')
	for (const row of rows) {
		const line = add(body, 'tr')
		for (const cell of row) add(line, 'td', cell === undefined || cell === null ? '–' : cell)
	}
}
const when = ms => ms === undefined || ms === null ? undefined : new Date(ms).toISOString().replace('T', ' ').slice(0, 19) + ' UTC'
const show = status => {
	at('said').textContent = ''
	const { services, pulls, failures, gateway } = status
	table('gateway', ['state', 'up since', 'services', 'items', 'connections'],
		[[gateway.status, when(gateway.startedAt), services.length, gateway.items, gateway.connections]], '')
	table('services', ['service', 'version', 'revision', 'items', 'from', 'committed'],
		services.map(s => [s.service, s.configVersion, s.revision, s.items, s.source, when(s.committedAt)]), 'No service has pushed yet.')
	table('pulls', ['service', 'status', 'version', 'last success', 'failures in a row', 'last error'],
		pulls.map(p => [p.service, p.status, p.configVersion, when(p.lastSuccessAt), p.consecutiveFailures, p.lastError && p.lastError.message]), 'Nothing is pulled.')
	table('failures', ['last', 'times', 'service', 'request type', 'version', 'by', 'reason'],
		failures.map(f => [when(f.lastAt), f.count, f.service, f.requestType, f.version, f.source, f.reasons.join('; ')]), 'No failures on record.')
}
let timer
const refresh = async token => {
	clearTimeout(timer)
	try {
		const headers = token === '' ? {} : { authorization: 'Bearer ' + token }
		const response = await fetch('v1/status', { headers, cache: 'no-store' })
		const answer = await response.json()
		if (response.ok) show(answer)
		else at('said').textContent = answer.detail
	} catch (error) { at('said').textContent = 'The gateway does not answer: ' + error.message }
	timer = setTimeout(refresh, 5000, token)
}
at('ask').addEventListener('submit', event => { event.preventDefault(); void refresh(at('token').value.trim()) })
`

const digest = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`

export const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>remote-term gateway</title>
<style>${STYLE}</style>
<h1>remote-term gateway</h1>
<form id="ask" autocomplete="off"><input id="token" type="password" placeholder="a token with the scope read" aria-label="token"><button>Show</button></form>
<p id="said" class="bad" role="status"></p>
<div id="gateway"></div>
<h2>Services</h2><div id="services"></div>
<h2>Pulls</h2><div id="pulls"></div>
<h2>Failures</h2><div id="failures"></div>
<script>${SCRIPT}</script>
</html>
`

export const PAGE_HEADERS: Readonly<Record<string, string>> = {
	'content-type': 'text/html; charset=utf-8',
	'content-security-policy': [
		"default-src 'none'",
		`script-src ${digest(SCRIPT)}`,
		`style-src ${digest(STYLE)}`,
		"connect-src 'self'",
		"base-uri 'none'",
		"form-action 'none'",
		"frame-ancestors 'none'",
	].join('; '),
	'x-content-type-options': 'nosniff',
	'referrer-policy': 'no-referrer',
	'cache-control': 'no-cache',
}
