/**
 * Plain JavaScript, for the browser. The token stays in memory. Whatever is shown is set as text, never as markup. One
 * request is under way at most, and what a former one answers is not looked at.
 */
export const SCRIPT = `
'use strict'
const EVERY = 5000
// The gateway may be mounted somewhere, and its address have a slash at its end or not.
const base = location.pathname.replace(/\\/?$/, '/')
const at = id => document.getElementById(id)
const add = (parent, tag, text, kind) => {
	const element = document.createElement(tag)
	if (text !== undefined) element.textContent = String(text)
	if (kind) element.className = kind
	parent.append(element)
	return element
}
const number = n => n.toLocaleString('en')
const KINDS = { ready: 'good', ok: 'good', starting: 'warn', closing: 'warn', waiting: 'warn', failing: 'bad', not_pulled: 'bad',
	serving: 'good', closed: 'warn', VALID: 'good', INITIALIZING: 'warn', INTERRUPTED: 'bad', OFF: 'bad' }

const UNITS = [['day', 86400], ['hour', 3600], ['minute', 60], ['second', 1]]
const words = new Intl.RelativeTimeFormat('en', { numeric: 'always' })
const sayTime = element => {
	const seconds = Math.round((Number(element.dataset.at) - Date.now()) / 1000)
	if (Math.abs(seconds) < 2) { element.textContent = 'just now'; return }
	const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size)
	element.textContent = words.format(Math.trunc(seconds / size), unit)
}
const time = (parent, ms) => {
	const element = add(parent, 'time')
	element.dataset.at = String(ms)
	element.dateTime = element.title = new Date(ms).toISOString()
	sayTime(element)
}

/** How the cells of a column are made. */
const text = value => cell => { cell.textContent = value === undefined || value === null || value === '' ? '–' : String(value) }
const count = value => cell => { cell.className = 'number'; cell.textContent = value === undefined ? '–' : number(value) }
const long = value => cell => { cell.className = 'long'; text(value)(cell) }
const moment = ms => cell => { if (ms === undefined || ms === null) cell.textContent = '–'; else time(cell, ms) }
const badge = word => cell => { add(cell, 'span', word.replace('_', ' '), 'badge ' + (KINDS[word] || '')) }

const SECTIONS = {
	services: {
		empty: 'No service has pushed yet.',
		heads: ['service', 'version', '#revision', '#items', 'from', 'stored'],
		row: s => [text(s.service), text(s.configVersion), count(s.revision), count(s.items),
			text(s.pulled ? s.source + ', also pulled' : s.source), moment(s.committedAt)],
		name: s => s.service,
	},
	pulls: {
		empty: 'Nothing is pulled.',
		heads: ['service', 'status', 'version', 'from', 'last success', 'next', '#failures in a row', 'last error'],
		row: p => [text(p.service), badge(p.status), text(p.configVersion), text(p.nodes.join(', ')), moment(p.lastSuccessAt),
			moment(p.nextPullAt), count(p.consecutiveFailures), p.lastError ? long(p.lastError.code + ': ' + p.lastError.message) : text()],
		name: p => p.service,
	},
	streams: {
		empty: 'No stream is served.',
		heads: ['stream', 'state', 'since', '#clients', '#items', 'last news', '#connected', '#refused', '#dropped', 'last error'],
		row: s => [text(s.name), badge(s.state), moment(s.stateSince), count(s.clients), count(s.items), moment(s.lastAt),
			count(s.connected), count(s.refused), count(s.dropped), s.lastError ? long(s.lastError.code + ': ' + s.lastError.message) : text()],
	},
	failures: {
		empty: 'Nothing was refused lately.',
		heads: ['service', 'item', 'by', '#times', 'last', 'reasons'],
		row: f => [text(f.service), text([f.requestType, f.version].filter(Boolean).join(' ')), text(f.source), count(f.count),
			moment(f.lastAt), long(f.reasons.join('; '))],
		name: f => f.service || '',
	},
}

/** The stream that is served, and the one that it passes on. */
const streamsOf = ({ stream }) => stream === undefined ? [] : [
	{ ...stream, name: 'served', lastAt: stream.lastChangeAt },
	...(stream.upstream ? [{ ...stream.upstream, name: 'upstream', lastAt: stream.upstream.lastEventAt }] : []),
]

const drawn = {}
let shown
const draw = id => {
	const section = SECTIONS[id]
	const all = shown[id]
	const filter = at('filter').value.trim().toLowerCase()
	const rows = section.name ? all.filter(one => section.name(one).toLowerCase().includes(filter)) : all
	// What has not changed is not drawn again: nobody loses what they have selected.
	const now = JSON.stringify([all.length, rows])
	if (drawn[id] === now) return
	drawn[id] = now
	at(id + '-count').textContent = rows.length === all.length ? number(all.length) : number(rows.length) + ' of ' + number(all.length)
	const place = at(id + '-rows')
	place.replaceChildren()
	if (rows.length === 0) { add(place, 'p', all.length === 0 ? section.empty : 'None with this name.', 'dim'); return }
	const grid = add(place, 'table')
	grid.setAttribute('aria-labelledby', id + '-head')
	const head = add(add(grid, 'thead'), 'tr')
	for (const one of section.heads) add(head, 'th', one.replace('#', ''), one[0] === '#' ? 'number' : '').scope = 'col'
	const body = add(grid, 'tbody')
	for (const one of rows) {
		const line = add(body, 'tr')
		section.row(one).forEach((fill, index) => {
			const cell = add(line, index === 0 ? 'th' : 'td')
			if (index === 0) cell.scope = 'row'
			fill(cell)
		})
	}
}
const drawAll = () => { for (const id of Object.keys(SECTIONS)) draw(id) }

const state = (word, kind) => {
	if (at('state').textContent !== word) at('state').textContent = word
	at('state').className = 'badge ' + kind
}
const say = words => { if (at('said').textContent !== words) at('said').textContent = words }
const show = status => {
	shown = { ...status, streams: streamsOf(status) }
	const { gateway, services, pulls } = status
	state(gateway.status, KINDS[gateway.status] || '')
	at('version').textContent = 'version ' + gateway.version
	at('n-services').textContent = number(services.length)
	at('n-items').textContent = number(gateway.items)
	at('n-failing').textContent = number(pulls.filter(p => p.status === 'failing' || p.status === 'not_pulled').length) + ' of ' + number(pulls.length)
	at('n-connections').textContent = number(gateway.connections)
	at('since').replaceChildren()
	if (gateway.startedAt === undefined) at('since').textContent = '–'
	else time(at('since'), gateway.startedAt)
	drawAll()
	for (const element of document.querySelectorAll('time')) sayTime(element)
	at('all').classList.remove('stale')
}

let token
let timer
let asking
const open = isOpen => {
	const hadFocus = at('ask').contains(document.activeElement)
	at('ask').hidden = isOpen
	at('all').hidden = !isOpen
	at('leave').hidden = !isOpen
	if (isOpen && hadFocus) at('services-head').focus()
}
const leave = words => {
	token = undefined
	shown = undefined
	for (const id of Object.keys(SECTIONS)) { delete drawn[id]; at(id + '-rows').replaceChildren() }
	open(false)
	say(words)
	at('token').focus()
}
/** Without a token there is still something that everybody may know. */
const look = async signal => {
	const response = await fetch(base + 'readyz', { cache: 'no-store', signal })
	const { status } = await response.json()
	state(status, KINDS[status] || '')
}
const ask = async signal => {
	const headers = token === '' ? {} : { authorization: 'Bearer ' + token }
	const response = await fetch(base + 'v1/status', { headers, cache: 'no-store', signal })
	const answer = await response.json()
	if (signal.aborted) return
	if (response.ok) {
		say('')
		open(true)
		show(answer)
		at('token').value = ''
	}
	// A token that is not good now will not be in five seconds, and wrong ones are counted.
	else if (response.status === 401 || response.status === 403) leave(token === '' ? '' : answer.detail)
	else if (shown === undefined) leave(answer.detail)
	else { say(answer.detail); at('all').classList.add('stale') }
}
const refresh = async () => {
	clearTimeout(timer)
	if (asking) asking.abort()
	const mine = asking = new AbortController()
	const limit = setTimeout(() => mine.abort(), 2 * EVERY)
	try {
		if (token !== undefined) await ask(mine.signal)
		if (token === undefined) await look(mine.signal)
	} catch {
		if (asking !== mine) return
		state('does not answer', 'bad')
		at('all').classList.add('stale')
	} finally { clearTimeout(limit) }
	if (asking !== mine) return
	timer = setTimeout(refresh, EVERY)
}
const enter = given => {
	// A header can hold no others; and no token has any.
	if (/[^\\x21-\\x7e]/.test(given)) { leave('No token has such characters in it'); return }
	token = given
	void refresh()
}
at('ask').addEventListener('submit', event => { event.preventDefault(); enter(at('token').value.trim()) })
at('leave').addEventListener('click', () => { leave(''); void refresh() })
at('filter').addEventListener('input', () => { if (shown) drawAll() })
document.addEventListener('visibilitychange', () => {
	if (document.visibilityState === 'visible') void refresh()
	else clearTimeout(timer)
})
if (document.documentElement.dataset.anonymous === 'yes') enter('')
else { open(false); void refresh() }
`
