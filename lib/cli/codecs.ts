/** What `--codec` takes. */
export const CODECS = ['json', 'ndjson', 'msgpack', 'text', 'bytes'] as const
export type CodecName = (typeof CODECS)[number]

const BY_EXTENSION: Readonly<Record<string, CodecName>> = {
	...{ json: 'json', geojson: 'json', map: 'json', webmanifest: 'json' },
	...{ ndjson: 'ndjson', jsonl: 'ndjson', ldjson: 'ndjson' },
	...{ msgpack: 'msgpack', mpk: 'msgpack', msgp: 'msgpack' },
	...{ txt: 'text', text: 'text', log: 'text', md: 'text', csv: 'text', tsv: 'text' },
	...{ html: 'text', xml: 'text', yaml: 'text', yml: 'text', toml: 'text', ini: 'text', pem: 'text' },
	...{ bin: 'bytes', dat: 'bytes', wasm: 'bytes', mmdb: 'bytes' },
}

/** Those of a configuration. */
export const PUSH_CODECS = ['json', 'msgpack'] as const
export type PushCodec = (typeof PUSH_CODECS)[number]

/** By the extension, below that of a compression; `json` where it says nothing. */
export const codecOf = (name: string): CodecName => {
	const bare = name.toLowerCase().replace(/\.(?:gz|gzip|zst|zstd|br)$/, '')
	const extension = /\.([a-z0-9]+)$/.exec(bare)?.[1] ?? ''
	return Object.hasOwn(BY_EXTENSION, extension) ? BY_EXTENSION[extension]! : 'json'
}

/** Each codec is loaded only if it is used. */
export const loadCodec = async (name: CodecName): Promise<(data: Uint8Array) => unknown> => {
	switch (name) {
		case 'json':
			return (await import('../codecs/json.ts')).json
		case 'ndjson':
			return (await import('../codecs/ndjson.ts')).ndjson
		case 'msgpack':
			return (await import('../codecs/msgpack.ts')).msgpack
		case 'text':
			return (await import('../codecs/text.ts')).text
		case 'bytes':
			return (await import('../codecs/bytes.ts')).bytes
	}
}
