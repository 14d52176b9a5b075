import assert from 'node:assert/strict'
import { isNotModified } from '../../core/fetcher.ts'
import type { Check } from './session.ts'

/** What happens when the source changes, loses its content, and gets it back. */
export const changeChecks: readonly Check[] = [
	{
		title: 'what is published is what is downloaded next, under a version of its own',
		needs: ({ publish }) => publish,
		async run(session) {
			const versions: Array<string | undefined> = []
			// At once and several times: neither size nor a coarse date tells these contents apart.
			for (let round = 0; round < 4; round++) {
				versions.push(await session.downloadedVersion())
				await session.publish()
			}
			if (session.capabilities.versions === 'content') {
				assert.equal(new Set(versions).size, versions.length, 'Expected a new version for each content')
			}
		},
	},
	{
		title:
			'currentVersion changes with the content, and download gives the version of the bytes that it brings',
		needs: ({ publish, versions }) => publish && versions === 'content',
		async run(session) {
			const before = await session.currentVersion()
			await session.publish()
			const download = await session.download()
			await session.expectDelivered(download)
			assert.notEqual(download.version, before, 'Expected the version of the new content')
			assert.equal(await session.currentVersion(), download.version, 'Expected currentVersion to follow')
		},
	},
	{
		title: 'downloadIfChanged delivers what was published, and then says notModified of it',
		needs: ({ publish, conditional, versions }) => publish && conditional && versions === 'content',
		async run(session) {
			let known = await session.downloadedVersion()
			for (let round = 0; round < 4; round++) {
				await session.publish()
				const changed = await session.downloadIfChanged(known)
				await session.expectDelivered(changed)
				assert(!isNotModified(changed))
				assert.notEqual(changed.version, known, 'Expected another version with other content')
				known = changed.version
				assert(isNotModified(await session.downloadIfChanged(known)), 'Expected notModified')
			}
		},
	},
	{
		title: 'a version that the source held once is not the one that it holds now',
		needs: ({ publish, conditional, versions }) => publish && conditional && versions === 'content',
		async run(session) {
			const first = await session.downloadedVersion()
			await session.publish()
			await session.expectDelivered(await session.downloadIfChanged(first))
			await session.publish()
			await session.expectDelivered(await session.downloadIfChanged(first))
		},
	},
	{
		title: 'a source that holds nothing rejects with FETCH_NOT_FOUND, and recovers',
		needs: ({ unpublish }) => unpublish,
		async run(session) {
			const { fetcher } = session
			const known = await session.downloadedVersion()
			await session.unpublish()
			await session.expectCode('FETCH_NOT_FOUND', fetcher.download(session.context()), 'download')
			if (session.capabilities.versions === 'content') {
				const asking = fetcher.currentVersion(session.context())
				await session.expectCode('FETCH_NOT_FOUND', asking, 'currentVersion')
			}
			if (fetcher.downloadIfChanged !== undefined) {
				for (const version of [known, undefined]) {
					const asking = fetcher.downloadIfChanged(version, session.context())
					await session.expectCode('FETCH_NOT_FOUND', asking, 'downloadIfChanged')
				}
			}
			await session.publish()
			await session.expectDelivered(await session.download())
		},
	},
]
