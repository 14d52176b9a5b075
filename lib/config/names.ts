/** What a service, a request type or a node may be called. Fits into a path, a header and a metric's label as it is. */
export const NAME = /^(?!__proto__$)[A-Za-z0-9_][A-Za-z0-9_.:-]{0,127}$/

export const NAME_EXPECTED =
	'1 to 128 letters, digits, `_`, `.`, `:` or `-`, the first of them a letter, a digit or `_`'

export const isName = (value: unknown): value is string => typeof value === 'string' && NAME.test(value)
