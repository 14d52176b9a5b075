/** msgpackr has no types for this subpath. As much of them as is used, from those of './unpack'. */
declare module 'msgpackr/unpack-no-eval' {
	export interface Options {
		readonly useRecords?: boolean
		readonly mapsAsObjects?: boolean
		readonly int64AsType?: 'auto' | 'bigint' | 'number' | 'string'
		readonly copyBuffers?: boolean
	}
	export class Unpackr {
		constructor(options?: Options)
		unpack(data: Uint8Array): unknown
	}
}
