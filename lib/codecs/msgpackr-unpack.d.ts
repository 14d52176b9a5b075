// msgpackr has no types for this subpath; what it exports is what './unpack' does.
declare module 'msgpackr/unpack-no-eval' {
	export { Unpackr } from 'msgpackr/unpack'
}
