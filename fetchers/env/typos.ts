import { variables } from './variables.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** What Kubernetes and Docker put into the environment for a service that happens to be called like our prefix. */
const ofServices =
	/_(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT|PORT_\d+_(?:TCP|UDP)(?:_(?:PROTO|PORT|ADDR))?)$/

const ours = /^(?:SOURCE|HTTP|S3|NATS|FILE)(?:_|$)/

/**
 * Variables that nobody would read: those of our groups that do not exist, and those that are nearly one that does.
 * Others with the prefix may well be another program's, and are let be.
 */
export const unreadVariables = (
	env: Environment,
	prefix: string,
): ReadonlyArray<{ readonly name: string; readonly meant: string | undefined }> => {
	const known = variables.map(({ name }) => name)
	return Object.keys(env)
		.filter(name => name.startsWith(`${prefix}_`) && isSet(env[name]) && !ofServices.test(name))
		.map(name => ({ name, rest: name.slice(prefix.length + 1) }))
		.filter(({ rest }) => !(known as string[]).includes(rest))
		.map(({ name, rest }) => ({ name, rest, meant: nearest(rest, known) }))
		.filter(({ rest, meant }) => meant !== undefined || ours.test(rest))
		.map(({ name, meant }) => ({ name, meant: meant && `${prefix}_${meant}` }))
}

export const isSet = (value: string | undefined): value is string =>
	value !== undefined && value.trim() !== ''

/** The longer a name, the more of it may be mistyped before it is another one. */
const nearest = (name: string, known: readonly string[]): string | undefined =>
	known
		.map(candidate => ({ candidate, distance: distanceOf(name.toUpperCase(), candidate) }))
		.filter(({ candidate, distance }) => distance <= (candidate.length > 8 ? 2 : 1))
		.sort((one, other) => one.distance - other.distance)[0]?.candidate

/** Damerau and Levenshtein's, with neighbours that changed places as one mistake. */
const distanceOf = (one: string, other: string): number => {
	const rows: number[][] = [Array.from({ length: other.length + 1 }, (_, column) => column)]
	const at = (row: number, column: number): number => rows[row]?.[column] ?? Infinity
	for (let row = 1; row <= one.length; row++) {
		const current = [row]
		rows.push(current)
		for (let column = 1; column <= other.length; column++) {
			const differs = one[row - 1] === other[column - 1] ? 0 : 1
			const swapped = one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1]
			current.push(
				Math.min(
					at(row - 1, column) + 1,
					at(row, column - 1) + 1,
					at(row - 1, column - 1) + differs,
					swapped ? at(row - 2, column - 2) + 1 : Infinity,
				),
			)
		}
	}
	return at(one.length, other.length)
}
