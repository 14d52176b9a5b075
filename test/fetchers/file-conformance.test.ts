import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { FileFetcher } from '../../fetchers/file.ts'
import { conforms } from '../support/conformance.ts'
import { openFilesIn, temporaryDirectory } from '../support/temporary.ts'

interface Way {
	readonly publish: (directory: string, content: Uint8Array) => Promise<void>
	readonly unpublish: (directory: string) => Promise<void>
}

let generations = 0

/** As the kubelet does it: the file is a link through `..data`, which is a link that is swapped. */
const swapData = async (directory: string, fill: (generation: string) => Promise<void>): Promise<void> => {
	const generation = `..2026_${generations++}`
	await mkdir(join(directory, generation))
	await fill(join(directory, generation))
	await symlink(generation, join(directory, '..data_tmp'))
	await rename(join(directory, '..data_tmp'), join(directory, '..data'))
	await symlink('..data/term.json', join(directory, 'term.json')).catch(() => {})
}

const ways: Readonly<Record<string, Way>> = {
	'written in place': {
		publish: async (directory, content) => writeFile(join(directory, 'term.json'), content),
		unpublish: async directory => rm(join(directory, 'term.json')),
	},
	'renamed into place': {
		async publish(directory, content) {
			await writeFile(join(directory, 'new'), content)
			await rename(join(directory, 'new'), join(directory, 'term.json'))
		},
		unpublish: async directory => rename(join(directory, 'term.json'), join(directory, 'old')),
	},
	'deleted and created': {
		async publish(directory, content) {
			await rm(join(directory, 'term.json'), { force: true })
			await writeFile(join(directory, 'term.json'), content)
		},
		unpublish: async directory => rm(join(directory, 'term.json')),
	},
	'in a ConfigMap': {
		publish: async (directory, content) =>
			swapData(directory, async generation => writeFile(join(generation, 'term.json'), content)),
		unpublish: async directory => swapData(directory, async () => {}),
	},
	'in a directory that comes and goes': {
		async publish(directory, content) {
			const parent = join(directory, 'term.json')
			await rm(parent, { recursive: true, force: true })
			await mkdir(parent)
			await writeFile(join(parent, 'inner'), content)
		},
		unpublish: async directory => rm(join(directory, 'term.json'), { recursive: true }),
	},
}

for (const [name, { publish, unpublish }] of Object.entries(ways)) {
	conforms(test, name, {
		async create(content) {
			const { path, remove } = await temporaryDirectory()
			await publish(path, content)
			const inner = name === 'in a directory that comes and goes' ? 'term.json/inner' : 'term.json'
			return {
				fetcher: new FileFetcher({ path: join(path, inner) }),
				publish: async bytes => publish(path, bytes),
				publishBeside: async (suffix, bytes) => writeFile(join(path, `${inner}${suffix}`), bytes),
				unpublish: async () => unpublish(path),
				openBodies: async () => openFilesIn(path),
				dispose: remove,
			}
		},
		capabilities: { watch: true, beside: true },
	})
}
