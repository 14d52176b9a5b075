/** msgpackr has no types for this subpath, and wrong ones for `./pack`. As much of them as is used. */
declare module 'msgpackr/index-no-eval' {
	export interface Options {
		readonly useRecords?: boolean
		readonly variableMapSize?: boolean
	}
	export class Packr {
		constructor(options?: Options)
		pack(value: unknown): Uint8Array
	}
}
