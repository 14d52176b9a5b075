import assert from 'node:assert/strict'
import { RemoteTermError } from '../../core/errors.ts'
import { isNotModified, isValue, type FetchContext } from '../../core/fetcher.ts'
import type { Check, Session } from './session.ts'

/** Whatever waits stops waiting when the signal is aborted, says why, and leaves nothing open. */
export const abortChecks: readonly Check[] = [
	{
		title: 'a call whose signal is aborted already rejects with its reason',
		async run(session) {
			const reason = new RemoteTermError('TIMEOUT', 'Aborted by the suite')
			for (const [name, call] of calls(session)) {
				const error = await session.expectRejection(call(session.context(AbortSignal.abort(reason))), name)
				assert.equal(error, reason, `Expected ${name} to reject with the signal’s reason itself`)
			}
			await session.expectDelivered(await session.download())
		},
	},
	{
		title: 'a foreign reason becomes the cause of STOPPED',
		async run(session) {
			for (const [name, call] of calls(session)) {
				const signal = AbortSignal.abort()
				const error = await session.expectRejection(call(session.context(signal)), name)
				assert(error instanceof RemoteTermError, `Expected ${name} to reject with a RemoteTermError`)
				assert.equal(error.code, 'STOPPED')
				assert.equal(error.cause, signal.reason)
			}
		},
	},
	{
		title: 'a call aborted under way rejects with the reason, unless it was quicker',
		async run(session) {
			const reason = new RemoteTermError('TIMEOUT', 'Aborted by the suite')
			for (const [name, call] of calls(session)) {
				const aborting = new AbortController()
				const calling = call(session.context(aborting.signal))
				aborting.abort(reason)
				await session.within(
					calling.then(
						// A body that came all the same is freed by the abort, so nothing is done about it here.
						() => {},
						(error: unknown) => assert.equal(error, reason, `Expected ${name} to reject with the reason`),
					),
					name,
				)
			}
			await session.checkNothingOpen()
			await session.expectDelivered(await session.download())
		},
	},
	{
		title: 'a body aborted in its midst rejects with the reason and is freed',
		needs: ({ bytes, publish }) => bytes && publish,
		async run(session) {
			const reason = new RemoteTermError('TIMEOUT', 'Aborted by the suite')
			await session.publish(session.newContent(session.largeBody))
			const aborting = new AbortController()
			const download = await session.download(session.context(aborting.signal))
			assert(!isValue(download) && !isNotModified(download))
			if (!(download.body instanceof Uint8Array)) {
				const iterator = download.body[Symbol.asyncIterator]()
				const first = await session.within(iterator.next(), 'the first chunk')
				assert(first.done !== true && first.value.length < session.largeBody, 'Expected the body in chunks')
				aborting.abort(reason)
				const rest = async (): Promise<void> => {
					while ((await iterator.next()).done !== true);
				}
				const error = await session.expectRejection(rest(), 'the rest of the body')
				assert.equal(error, reason, 'Expected the body to reject with the signal’s reason itself')
			}
			await session.checkNothingOpen()
			await session.expectDelivered(await session.download())
		},
	},
	{
		title: 'a body that nobody reads is freed when the signal is aborted',
		needs: ({ bytes, publish }) => bytes && publish,
		async run(session) {
			await session.publish(session.newContent(session.largeBody))
			const reason = new RemoteTermError('TIMEOUT', 'Aborted by the suite')
			const aborting = new AbortController()
			const download = await session.download(session.context(aborting.signal))
			assert(!isValue(download))
			aborting.abort(reason)
			await session.checkNothingOpen()
			const { body } = download
			if (!(body instanceof Uint8Array)) {
				const error = await session.expectRejection(session.read(download), 'the body')
				assert.equal(error, reason, 'Expected the body to reject with the signal’s reason itself')
			}
			await session.expectDelivered(await session.download())
		},
	},
]

type Call = (context: FetchContext) => Promise<unknown>

const calls = ({ fetcher }: Session): ReadonlyArray<readonly [string, Call]> => [
	['currentVersion', context => fetcher.currentVersion(context)],
	['download', context => fetcher.download(context)],
	...(fetcher.downloadIfChanged === undefined
		? []
		: ([
				[
					'downloadIfChanged',
					async (context: FetchContext) => fetcher.downloadIfChanged?.(undefined, context),
				],
			] as const)),
]
