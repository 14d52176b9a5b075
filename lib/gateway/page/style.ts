export const STYLE = `
:root {
	color-scheme: light dark;
	--ground: #f6f7f9; --card: #fff; --ink: #1b2430; --dim: #5b6675; --line: #e2e6eb; --accent: #2557c7; --on-accent: #fff;
	--good: #11703c; --good-ground: #e1f5e8; --warn: #865300; --warn-ground: #fff1d6; --bad: #b3261e; --bad-ground: #fde7e5;
	font: 15px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif;
}
@media (prefers-color-scheme: dark) {
	:root {
		--ground: #12161c; --card: #1a2029; --ink: #e4e9f0; --dim: #97a3b3; --line: #2b3441; --accent: #8db4ff; --on-accent: #10161f;
		--good: #7ddba0; --good-ground: #15342a; --warn: #f5c56b; --warn-ground: #3a2d12; --bad: #ff9c93; --bad-ground: #44201f;
	}
}
* { box-sizing: border-box }
[hidden] { display: none !important }
body { margin: 0; background: var(--ground); color: var(--ink) }
header, main { max-width: 74rem; margin: 0 auto; padding: 0 1.25rem }
header { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem .9rem; padding-top: 1.6rem; padding-bottom: 1.1rem }
h1 { font-size: 1.3rem; line-height: 1.2; letter-spacing: -.01em; margin: 0 }
h2 { font-size: 1rem; margin: 0 }
.dim { color: var(--dim) }
.grow { flex: 1 }
.small { font-size: .87rem }
.badge { display: inline-block; padding: .06rem .6rem; border-radius: 1rem; font-size: .82rem; font-weight: 600; white-space: nowrap; background: var(--line); color: var(--dim) }
.good { background: var(--good-ground); color: var(--good) }
.warn { background: var(--warn-ground); color: var(--warn) }
.bad { background: var(--bad-ground); color: var(--bad) }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .7rem; margin-bottom: 1.1rem; overflow: hidden }
.card > .head { display: flex; flex-wrap: wrap; align-items: center; gap: .3rem .7rem; min-height: 3.1rem; padding: .5rem 1.1rem }
.wide > p { margin: 0; padding: 0 1.1rem 1rem }
.count { color: var(--dim); font-variant-numeric: tabular-nums }
form { display: flex; flex-wrap: wrap; align-items: end; gap: .8rem; padding: 1.1rem }
label { display: block; font-weight: 600 }
form div { flex: 1 1 20rem }
input { width: 100%; font: inherit; color: inherit; background: var(--ground); border: 1px solid var(--line); border-radius: .45rem; padding: .4rem .65rem }
form input { margin-top: .25rem }
.head input { width: 15rem; max-width: 100%; padding: .2rem .65rem }
button { font: inherit; font-weight: 600; padding: .4rem 1.1rem; border: 1px solid var(--accent); border-radius: .45rem; background: var(--accent); color: var(--on-accent); cursor: pointer }
button.plain { background: none; color: var(--accent); border-color: var(--line); padding: .15rem .8rem }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px }
#said:not(:empty) { margin: 0 0 1.1rem; padding: .6rem 1.1rem; border-radius: .7rem }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(7.5rem, 1fr)); gap: 1.1rem; margin: 0 0 1.1rem }
dl div { background: var(--card); border: 1px solid var(--line); border-radius: .7rem; padding: .65rem 1.1rem }
dt { color: var(--dim); font-size: .87rem }
dd { margin: 0; font-size: 1.3rem; line-height: 1.3; font-weight: 600; font-variant-numeric: tabular-nums }
.wide { overflow-x: auto }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .42rem 1.1rem; border-top: 1px solid var(--line); vertical-align: top; overflow-wrap: break-word; max-width: 24rem }
thead th { color: var(--dim); font-size: .82rem; font-weight: 600; white-space: nowrap }
tbody th { font-weight: 600 }
.number { text-align: right; font-variant-numeric: tabular-nums }
.long { min-width: 18rem; max-width: none; overflow-wrap: anywhere }
#about { line-height: 2.4rem }
time { white-space: nowrap }
.stale { opacity: .55 }
`
