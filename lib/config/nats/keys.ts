/**
 * Where things are within the bucket. A name may have characters that a key's token must not (`.` and `:`), so they
 * are written as `=` and their code.
 *
 * - `meta`: what this bucket is, and in which format
 * - `s.<service>`: the head of a service: its whole state, or where that is
 * - `c.<service>.<generation>.<number>`: a part of a state that is too large for one message
 */
export const META = 'meta'

export const headKey = (service: string): string => `s.${escape(service)}`
export const HEADS = 's.*'
export const CHUNKS = 'c.>'

export const serviceOfHead = (key: string): string | undefined => {
	const [kind, name, ...rest] = key.split('.')
	return kind === 's' && name !== undefined && rest.length === 0 ? unescape(name) : undefined
}

/**
 * A generation is named after the head that it was written to replace. A head is replaced once: as soon as there is
 * another one that does not refer to this generation, nothing ever will, and it can go, whoever wrote it.
 */
export interface Generation {
	/** The revision of the head to be replaced; 0 for none. */
	readonly replaces: number
	readonly id: string
}

const generationToken = ({ replaces, id }: Generation): string => `${replaces}-${id}`

export const chunkKey = (service: string, generation: Generation, number: number): string =>
	`c.${escape(service)}.${generationToken(generation)}.${number}`

export const chunksOf = (service: string, generation?: Generation): string =>
	`c.${escape(service)}.${generation === undefined ? '>' : `${generationToken(generation)}.*`}`

export const generationOfChunk = (
	key: string,
): { readonly service: string; readonly generation: Generation } | undefined => {
	const match = /^c\.([^.]+)\.(\d+)-([^.]+)\.\d+$/.exec(key)
	const service = unescape(match?.[1] ?? '')
	if (match === null || service === undefined) return undefined
	return { service, generation: { replaces: Number(match[2]), id: match[3]! } }
}

const escape = (name: string): string =>
	name.replace(/[^A-Za-z0-9_-]/g, character => `=${character.charCodeAt(0).toString(16).padStart(2, '0')}`)

/** `undefined` for what `escape` has not written. */
const unescape = (token: string): string | undefined => {
	const name = token.replace(/=([0-9a-f]{2})/g, (_, code: string) => String.fromCharCode(parseInt(code, 16)))
	return name !== '' && escape(name) === token ? name : undefined
}
