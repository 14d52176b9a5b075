/** One line that is written over, where somebody watches; nothing where nobody does. */
export const progressLine = (
	stream: NodeJS.WriteStream = process.stderr,
): { show(text: string): void; clear(): void } => {
	let last = 0
	return {
		show(text) {
			const now = performance.now()
			if (!stream.isTTY || now - last < 100) return
			last = now
			stream.write(`\r\u001b[K${text}`)
		},
		clear() {
			if (stream.isTTY) stream.write('\r\u001b[K')
		},
	}
}

/** Columns as wide as their widest box. The first is set to the left, the others in the middle. */
export const columns = (rows: ReadonlyArray<readonly string[]>): string => {
	const widths = rows[0]!.map((_, column) => Math.max(...rows.map(row => row[column]!.length)))
	return rows
		.map(row =>
			row
				.map((box, column) => {
					const gap = widths[column]! - box.length
					return column === 0
						? box + ' '.repeat(gap)
						: ' '.repeat(gap >> 1) + box + ' '.repeat(gap - (gap >> 1))
				})
				.join('  ')
				.trimEnd(),
		)
		.join('\n')
}

/** `FETCH_FAILED 12, updated 7`, most first. */
export const counts = (tally: ReadonlyMap<string, number>): string =>
	[...tally]
		.sort(([, a], [, b]) => b - a)
		.map(([name, times]) => `${name} ${times}`)
		.join(', ')
