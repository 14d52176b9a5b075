import assert from 'node:assert/strict'
import { isValue, type Download, type DownloadedBody } from '../../core/fetcher.ts'
import { equal, type Check, type Session } from './session.ts'

/** What a download delivers, and how a body is given up. */
export const bodyChecks: readonly Check[] = [
	{
		title: 'download delivers exactly what the source holds',
		async run(session) {
			await session.expectDelivered(await session.download())
		},
	},
	{
		title: 'a second download delivers the same, whatever became of the first one’s bytes',
		async run(session) {
			const first = await session.download()
			if (!isValue(first)) (await session.read(first)).fill(0)
			const second = await session.download()
			await session.expectDelivered(second)
			assert.equal(second.version, first.version, 'Expected the version to be that of the first download')
		},
	},
	{
		title: 'two downloads at once deliver the same, each for itself',
		async run(session) {
			const [first, second] = await Promise.all([session.download(), session.download()])
			await Promise.all([session.expectDelivered(first), session.expectDelivered(second)])
			assert.equal(second.version, first.version, 'Expected both to have the same version')
		},
	},
	{
		title: 'a large body arrives whole, in chunks that stay as they were',
		needs: ({ bytes, publish }) => bytes && publish,
		async run(session) {
			await session.publish(session.newContent(session.largeBody))
			await session.expectDelivered(await session.download())
		},
	},
	{
		title: 'a source that holds no bytes delivers none, or says so',
		needs: ({ bytes, publish }) => bytes && publish,
		async run(session) {
			await session.publish(new Uint8Array(0))
			const download = session.fetcher.download(session.context())
			const reading = download.then(async answer => session.expectDelivered(answer))
			await session.within(reading, 'download').catch((error: unknown) => {
				if ((error as { code?: unknown }).code !== 'EMPTY_BODY') throw error
			})
		},
	},
	{
		title: 'a body given up by cancel() is freed, and the fetcher goes on',
		needs: ({ bytes, publish }) => bytes && publish,
		async run(session) {
			await session.publish(session.newContent(session.largeBody))
			const unread = await downloadedBody(session)
			await cancel(session, unread)
			await session.checkNothingOpen()

			const begun = await downloadedBody(session)
			if (!(begun.body instanceof Uint8Array)) {
				await session.within(begun.body[Symbol.asyncIterator]().next(), 'the first chunk')
			}
			await cancel(session, begun)
			await cancel(session, begun)
			await session.checkNothingOpen()
			await session.expectDelivered(await session.download())
		},
	},
	{
		title: 'a body given up by leaving its iteration is freed, and the fetcher goes on',
		needs: ({ bytes, publish }) => bytes && publish,
		async run(session) {
			await session.publish(session.newContent(session.largeBody))
			const { body } = await downloadedBody(session)
			if (!(body instanceof Uint8Array)) {
				const leave = async (): Promise<void> => {
					for await (const chunk of body) {
						assert(chunk instanceof Uint8Array, 'Expected chunks to be Uint8Arrays')
						break
					}
				}
				await session.within(leave(), 'leaving the iteration')
			}
			await session.checkNothingOpen()
			await session.expectDelivered(await session.download())
		},
	},
	{
		title: 'cancel() after the end of a body does nothing',
		needs: ({ bytes }) => bytes,
		async run(session) {
			const download = await downloadedBody(session)
			await session.expectDelivered(download)
			await cancel(session, download)
			await session.expectDelivered(await session.download())
		},
	},
	{
		title: 'bytes never arrive under the version of others, though the source changes while they are read',
		needs: ({ bytes, publish }) => bytes && publish,
		async run(session) {
			await session.publish(session.newContent(session.largeBody))
			const promised = session.content
			const download = await downloadedBody(session)
			const rest = await begin(session, download)
			await session.publish(session.newContent(session.largeBody))
			// Half of the old and half of the new may end in an error, but not in a body.
			const read = await rest().catch(() => undefined)
			assert(read === undefined || equal(read, promised), 'Expected the bytes of one version, or an error')
			await session.expectDelivered(await session.download())
		},
	},
]

const downloadedBody = async (session: Session): Promise<DownloadedBody> => {
	const download: Download = await session.download()
	assert(!isValue(download), 'Expected a body')
	return download
}

const cancel = async (session: Session, download: DownloadedBody): Promise<void> => {
	await session.within(Promise.resolve(download.cancel?.()), 'cancel')
}

/** Reads the first chunk; what it returns reads the others, and resolves with all of them. */
const begin = async (session: Session, { body }: DownloadedBody): Promise<() => Promise<Uint8Array>> => {
	if (body instanceof Uint8Array) return async () => body
	const iterator = body[Symbol.asyncIterator]()
	const chunks: Uint8Array[] = []
	const next = async (): Promise<boolean> => {
		const step = await session.within(iterator.next(), 'a chunk')
		if (step.done !== true) chunks.push(step.value)
		return step.done !== true
	}
	const more = await next()
	return async () => {
		while (more && (await next()));
		return Buffer.concat(chunks)
	}
}
