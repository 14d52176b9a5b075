import assert from 'node:assert/strict'
import { isNotModified } from '../../core/fetcher.ts'
import type { Check } from './session.ts'

/** What no source of ours ever called a version: garbage, another source's, and what breaks a header. */
const foreignVersions: ReadonlyArray<readonly [string, string]> = [
	['an empty one', ''],
	['a quote', '"'],
	['another source’s', 'W/"5f1c-18c2a3"'],
	['one with CR and LF', 'x"\r\nX-Injected: yes\r\n\r\n'],
	['one with a NUL and other controls', '\u0000\u0001\u007f'],
	['one beyond Latin-1', '版本☃'],
	['half of a surrogate pair', '\ud800'],
	['one of 10,000 characters', 'v'.repeat(10_000)],
]

/** How versions, bytes and questions agree with each other. */
export const versionChecks: readonly Check[] = [
	{
		title: 'currentVersion is the version that a download has',
		needs: ({ versions }) => versions === 'content',
		async run(session) {
			const before = await session.currentVersion()
			const download = await session.download()
			await session.expectDelivered(download)
			assert.equal(download.version, before, 'Expected the version that currentVersion gave before')
			assert.equal(await session.currentVersion(), before, 'Expected currentVersion to stay')
		},
	},
	{
		title: 'currentVersion of a source without versions is a new one each time',
		needs: ({ versions }) => versions === 'none',
		async run(session) {
			const versions = [
				await session.currentVersion(),
				await session.currentVersion(),
				await session.currentVersion(),
			]
			assert.equal(new Set(versions).size, versions.length, 'Expected versions that differ')
		},
	},
	{
		title: 'downloadIfChanged delivers where nothing is known',
		needs: ({ conditional }) => conditional,
		async run(session) {
			const answer = await session.downloadIfChanged(undefined)
			await session.expectDelivered(answer)
			assert(!isNotModified(answer))
			if (session.capabilities.versions === 'content') {
				assert.equal(answer.version, await session.currentVersion(), 'Expected the current version')
			}
		},
	},
	{
		title: 'downloadIfChanged says notModified of the version just served, as often as it is asked',
		needs: ({ conditional, versions }) => conditional && versions === 'content',
		async run(session) {
			const download = await session.download()
			await session.expectDelivered(download)
			for (let round = 0; round < 3; round++) {
				const answer = await session.downloadIfChanged(download.version)
				assert(isNotModified(answer), 'Expected notModified')
			}
			const again = await session.downloadIfChanged(undefined)
			await session.expectDelivered(again)
			assert(!isNotModified(again))
			assert.equal(again.version, download.version, 'Expected the version to stay')
		},
	},
	{
		title: 'downloadIfChanged of a source without versions always delivers',
		needs: ({ conditional, versions }) => conditional && versions === 'none',
		async run(session) {
			await session.expectDelivered(await session.downloadIfChanged(await session.currentVersion()))
			await session.expectDelivered(await session.downloadIfChanged(undefined))
		},
	},
	...foreignVersions.map(([name, version]): Check => ({
		title: `downloadIfChanged delivers where the known version is none of the source’s: ${name}`,
		needs: ({ conditional }) => conditional,
		run: async session => session.expectDelivered(await session.downloadIfChanged(version)),
	})),
]
