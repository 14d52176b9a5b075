import assert from 'node:assert/strict'
import { isNotModified, isValue, type Download, type Fetcher } from '../../core/fetcher.ts'
import { equal, type Check, type FetcherCapabilities, type Session } from './session.ts'

const needs = ({ beside }: FetcherCapabilities): boolean => beside
const SUFFIX = '.sig'

/** What lies beside the content: fetchers of their own, each initialised, asked and closed by whoever made it. */
export const besideChecks: readonly Check[] = [
	{
		title: 'what lies beside is found under its suffix, as it is now, and under no other',
		needs,
		run: async session =>
			withBeside(session, SUFFIX, async beside => {
				for (const content of [session.newContent(), session.newContent(10), session.newContent()]) {
					await session.publishBeside(SUFFIX, content)
					await expectBytes(
						session,
						await session.within(beside.download(session.context()), 'download'),
						content,
					)
				}
				await withBeside(session, '.sha256', async other =>
					session.expectCode('FETCH_NOT_FOUND', other.download(session.context()), 'download'),
				)
			}),
	},
	{
		title: 'nothing beside is FETCH_NOT_FOUND, and the content is there all the same',
		needs,
		run: async session =>
			withBeside(session, SUFFIX, async beside => {
				await session.expectCode('FETCH_NOT_FOUND', beside.download(session.context()), 'download')
				await session.expectDelivered(await session.download())
			}),
	},
	{
		title: 'closing what lies beside does not close the fetcher',
		needs,
		async run(session) {
			await session.publishBeside(SUFFIX, session.newContent())
			await withBeside(session, SUFFIX, async () => {})
			await session.expectDelivered(await session.download())
		},
	},
]

const withBeside = async (
	session: Session,
	suffix: string,
	use: (beside: Fetcher) => Promise<void>,
): Promise<void> => {
	const beside = session.fetcher.beside?.(suffix)
	assert(beside !== undefined)
	await session.within(beside.init(session.context()), 'init of what lies beside')
	await use(beside)
	const closing = beside.close?.()
	if (closing !== undefined) await session.within(closing, 'close of what lies beside')
}

const expectBytes = async (session: Session, download: Download, content: Uint8Array): Promise<void> => {
	assert(!isNotModified(download) && !isValue(download), 'Expected bytes')
	assert(equal(await session.read(download), content), 'Expected exactly the bytes that lie beside')
}
