/** The document as it came: the same array, not a copy. */
export const bytes = (data: Uint8Array): Uint8Array => data
