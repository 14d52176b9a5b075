import type { Outcome, RemoteTerm } from 'remote-term'

export const say = (line: string): void => {
	process.stdout.write(`${line}\n`)
}

export type Told = Outcome & { readonly name: string }

/** The next refresh of the term that ended in this way, by whatever it was begun. */
export const nextOutcome = <T>(
	term: RemoteTerm<T>,
	status?: Outcome['status'],
	fits: (outcome: Told) => boolean = () => true,
): Promise<Told> =>
	new Promise(resolve => {
		const offs = (status === undefined ? (['updated', 'unchanged', 'failed'] as const) : [status]).map(
			event =>
				term.on(event, payload => {
					if (!fits(payload)) return
					for (const off of offs) off()
					resolve(payload)
				}),
		)
	})

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`

export const tell = (outcome: Told): void => {
	const { name, status, durationMs, bytes, inflatedBytes } = outcome
	const size =
		bytes === undefined
			? 'no body'
			: `${megabytes(bytes)}${inflatedBytes === undefined ? '' : ` → ${megabytes(inflatedBytes)}`}`
	const what =
		outcome.status === 'failed'
			? `${outcome.error.code}: ${outcome.error.message}`
			: `version ${outcome.version}`
	say(
		`  ${name.padEnd(7)} ${status.padEnd(9)} ${`${durationMs.toFixed(0)} ms`.padStart(8)}  ${size}  ${what}`,
	)
}

/** Millions of reads per second, measured for a tenth of a second. What is read is summed up, so that none is left out. */
export const readsPerSecond = (read: (turn: number) => number): number => {
	let sum = 0
	let reads = 0
	const began = performance.now()
	let elapsed = 0
	do {
		for (let many = 0; many < 100_000; many++) sum += read(reads + many)
		reads += 100_000
		elapsed = performance.now() - began
	} while (elapsed < 100)
	if (sum === 0) throw new Error('there was nothing to read')
	return reads / elapsed / 1000
}
