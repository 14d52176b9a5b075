import { createHash } from 'node:crypto'
import { SCRIPT } from './script.ts'
import { STYLE } from './style.ts'

const digest = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`

const ICON = `data:image/svg+xml;base64,${Buffer.from(
	'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="4" fill="#2557c7"/><path d="M3.5 8h2l1.5-4 2 8 1.5-4h2" fill="none" stroke="#fff" stroke-width="1.5"/></svg>',
).toString('base64')}`

const section = (id: string, title: string, more = ''): string =>
	`<section class="card" aria-labelledby="${id}-head"><div class="head"><h2 id="${id}-head" tabindex="-1">${title}</h2><span class="count" id="${id}-count"></span>${more}</div><div class="wide" id="${id}-rows"></div></section>`

const figure = (id: string, name: string): string => `<div><dt>${name}</dt><dd id="${id}"></dd></div>`

/**
 * One page, with nothing from elsewhere. It asks for a token, keeps it in memory only, and shows `v1/status`.
 *
 * @param anonymous whether it is worth a try without a token
 */
export const pageOf = ({ anonymous }: { readonly anonymous: boolean }): string => `<!doctype html>
<html lang="en" data-anonymous="${anonymous ? 'yes' : 'no'}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>remote-term gateway</title>
<link rel="icon" href="${ICON}">
<style>${STYLE}</style>
<header>
<h1>remote-term gateway</h1>
<span id="state" class="badge" role="status" aria-label="state of the gateway">…</span>
<span id="version" class="dim small"></span>
<span class="grow"></span>
<button id="leave" class="plain" type="button" hidden>Forget the token</button>
</header>
<main>
<p id="said" class="bad" role="alert"></p>
<form id="ask" class="card" autocomplete="off" hidden>
<div><label for="token">Token</label><input id="token" type="password" aria-describedby="about" spellcheck="false" autofocus></div>
<button>Show</button>
<span id="about" class="dim small">One with the scope <b>read</b>. It stays in this page, and is forgotten with it.</span>
</form>
<div id="all" hidden>
<dl>${[
	figure('n-services', 'services'),
	figure('n-items', 'items'),
	figure('n-failing', 'pulls that fail'),
	figure('n-connections', 'connections'),
	figure('since', 'started'),
].join('')}</dl>
${section(
	'services',
	'Services',
	'<span class="grow"></span><input id="filter" type="search" placeholder="Filter by service" aria-label="Filter by service">',
)}
${section('pulls', 'Pulls')}
${section('streams', 'Stream', '<span class="dim small">what was told to whoever follows it</span>')}
${section('failures', 'Failures', '<span class="dim small">what was refused lately</span>')}
</div>
</main>
<script>${SCRIPT}</script>
</html>
`

export const PAGE_HEADERS: Readonly<Record<string, string>> = {
	'content-type': 'text/html; charset=utf-8',
	'content-security-policy': [
		"default-src 'none'",
		`script-src ${digest(SCRIPT)}`,
		`style-src ${digest(STYLE)}`,
		'img-src data:',
		"connect-src 'self'",
		"base-uri 'none'",
		"form-action 'none'",
		"frame-ancestors 'none'",
	].join('; '),
	'x-content-type-options': 'nosniff',
	'referrer-policy': 'no-referrer',
	'cache-control': 'no-cache',
}
