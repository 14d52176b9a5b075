import { createRequire } from 'node:module'

export const packageVersion = (): string => {
	const { version } = createRequire(import.meta.url)('remote-term/package.json') as { version: string }
	return version
}
