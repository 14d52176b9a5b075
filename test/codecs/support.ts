import fc from 'fast-check'

/** Any JSON value without `__proto__`, which fast-check likes to call things, and which the codecs leave out. */
export const jsonValue = fc.jsonValue().filter(value => !JSON.stringify(value).includes('__proto__'))
