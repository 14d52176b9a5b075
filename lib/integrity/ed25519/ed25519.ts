/**
 * Ed25519 (RFC 8032), exported as `ed25519` by `#ed25519`: by Node's crypto, which blocks for the tenth of a millisecond
 * that it takes, and by WebCrypto elsewhere. Keys are raw: 32 bytes, the private one being the seed.
 */
export interface Ed25519 {
	generate(): Promise<{
		readonly publicKey: Uint8Array<ArrayBuffer>
		readonly privateKey: Uint8Array<ArrayBuffer>
	}>
	publicKeyOf(privateKey: Uint8Array): Promise<Uint8Array<ArrayBuffer>>
	/** 64 bytes. The same ones for the same key and message. */
	sign(privateKey: Uint8Array, message: Uint8Array): Promise<Uint8Array<ArrayBuffer>>
	/** Never throws for what an attacker can choose: a signature of the wrong length is a wrong one. */
	verify(publicKey: Uint8Array, signature: Uint8Array, message: Uint8Array): Promise<boolean>
}
