export interface Series {
	readonly name: string
	readonly colour: string
	readonly points: ReadonlyArray<readonly [x: number, y: number]>
}

const [WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM] = [640, 400, 70, 46, 150, 48]

/** Lines over two logarithmic axes, as SVG that can be read in a diff. */
export const plot = (title: string, xLabel: string, yLabel: string, series: readonly Series[]): string => {
	const all = series.flatMap(({ points }) => points)
	const decades = (values: readonly number[]): [number, number] => [
		Math.floor(Math.log10(Math.min(...values))),
		Math.ceil(Math.log10(Math.max(...values))),
	]
	const [x0, x1] = decades(all.map(([x]) => x))
	const [y0, y1] = decades(all.map(([, y]) => Math.max(y, 0.1)))
	const px = (x: number): number => LEFT + ((Math.log10(x) - x0) / (x1 - x0)) * (WIDTH - LEFT - RIGHT)
	const py = (y: number): number =>
		HEIGHT - BOTTOM - ((Math.log10(Math.max(y, 0.1)) - y0) / (y1 - y0)) * (HEIGHT - TOP - BOTTOM)
	const at = (value: number): string => value.toFixed(1)
	const powers = (from: number, to: number): number[] =>
		Array.from({ length: to - from + 1 }, (_, i) => 10 ** (from + i))
	const lines = [
		`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
		`<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
		`<text x="${LEFT}" y="24" font-size="15">${title}</text>`,
		...powers(x0, x1).map(
			x =>
				`<path d="M${at(px(x))} ${TOP}V${HEIGHT - BOTTOM}" stroke="#ddd"/><text x="${at(px(x))}" y="${HEIGHT - BOTTOM + 16}" text-anchor="middle">${x.toLocaleString('en')}</text>`,
		),
		...powers(y0, y1).map(
			y =>
				`<path d="M${LEFT} ${at(py(y))}H${WIDTH - RIGHT}" stroke="#ddd"/><text x="${LEFT - 6}" y="${at(py(y) + 4)}" text-anchor="end">${y.toLocaleString('en')}</text>`,
		),
		`<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 8}" text-anchor="middle">${xLabel}</text>`,
		`<text transform="translate(16 ${HEIGHT / 2}) rotate(-90)" text-anchor="middle">${yLabel}</text>`,
	]
	for (const { colour, name, points } of series) {
		const path = points.map(([x, y], i) => `${i === 0 ? 'M' : 'L'}${at(px(x))} ${at(py(y))}`).join('')
		const [lastX, lastY] = points.at(-1)!
		lines.push(
			`<path d="${path}" fill="none" stroke="${colour}" stroke-width="2"/>`,
			...points.map(([x, y]) => `<circle cx="${at(px(x))}" cy="${at(py(y))}" r="3" fill="${colour}"/>`),
			`<text x="${at(px(lastX) + 8)}" y="${at(py(lastY) + 4)}" fill="${colour}">${name}</text>`,
		)
	}
	return `${lines.join('\n')}\n</svg>\n`
}
