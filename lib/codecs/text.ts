import { decodeUtf8 } from './utf8.ts'

/**
 * The document as a string. UTF-8, a byte order mark is left out; anything else is `DESERIALIZE_FAILED`, and so are
 * documents longer than a string can be (V8: 512 MiB).
 */
export const text = (data: Uint8Array): string => decodeUtf8(data, 'The document')
