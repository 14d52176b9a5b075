/** A running SHA-256 or SHA-512 over bytes that arrive in pieces. */
export interface Digest {
	update(chunk: Uint8Array): void
	/** Lower-case hexadecimal. Called once, last. */
	hex(): Promise<string>
}
