/** One contiguous array out of many; the only chunk, if there is but one, without a copy. */
export const concat = (chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> => {
	if (chunks.length === 1) return chunks[0] as Uint8Array<ArrayBuffer>
	const whole = new Uint8Array(chunks.reduce((total, chunk) => total + chunk.length, 0))
	let offset = 0
	for (const chunk of chunks) {
		whole.set(chunk, offset)
		offset += chunk.length
	}
	return whole
}

export const collect = async (chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> => {
	const collected: Uint8Array[] = []
	for await (const chunk of chunks) collected.push(chunk)
	return concat(collected)
}
