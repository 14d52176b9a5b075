/** The types that msgpackr has for this subpath cannot be resolved from a module. As much of them as is used. */
declare module 'msgpackr/pack' {
	export class Packr {
		constructor(options: { readonly useRecords: boolean })
		pack(value: unknown): Uint8Array
	}
}
