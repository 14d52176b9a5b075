import assert from 'node:assert/strict'
import { RemoteTermError } from '../../core/errors.ts'
import type { FetchContext } from '../../core/fetcher.ts'
import type { Check, FetcherCapabilities, Session } from './session.ts'

const needs = ({ watch, publish }: FetcherCapabilities): boolean => watch && publish

/** A source that can tell. Several watches stand side by side; one is the witness of what another must not say. */
export const watchChecks: readonly Check[] = [
	{
		title: 'watch calls onChange after each publish, with the new content there to be downloaded',
		needs,
		async run(session) {
			const watching = watch(session)
			for (let round = 0; round < 3; round++) {
				const before = watching.calls
				await session.publishUntil(() => watching.calls > before, 'watch to call onChange')
				await session.expectDelivered(await session.download())
			}
			watching.disposable[Symbol.dispose]()
		},
	},
	{
		title: 'watch tells of content that comes back',
		needs: can => needs(can) && can.unpublish,
		async run(session) {
			const watching = watch(session)
			await session.publishUntil(() => watching.calls > 0, 'watch to call onChange')
			await session.unpublish()
			const gone = watching.calls
			await session.publishUntil(() => watching.calls > gone, 'watch to call onChange')
			watching.disposable[Symbol.dispose]()
		},
	},
	{
		title: 'watch says nothing more once it is disposed of, which may be done twice',
		needs,
		run: async session => expectSilenceAfter(session, watching => watching.disposable[Symbol.dispose]()),
	},
	{
		title: 'watch says nothing more once its signal is aborted',
		needs,
		run: async session => expectSilenceAfter(session, watching => watching.abort()),
	},
	{
		title: 'watch says nothing at all if its signal was aborted before',
		needs,
		async run(session) {
			const reason = new RemoteTermError('STOPPED', 'Aborted by the suite')
			const silent = watch(session, session.context(AbortSignal.abort(reason)))
			await expectSilence(session, silent)
			silent.disposable[Symbol.dispose]()
		},
	},
	{
		title: 'an onChange that throws harms nobody',
		needs,
		async run(session) {
			assert(session.fetcher.watch !== undefined)
			let thrown = 0
			using _throwing = session.fetcher.watch(() => {
				thrown += 1
				throw new Error('Thrown by the suite')
			}, session.context())
			const watching = watch(session)
			await session.publishUntil(() => watching.calls > 0 && thrown > 0, 'watch to call onChange')
			const before = thrown
			await session.publishUntil(() => thrown > before, 'watch to call an onChange that threw')
			watching.disposable[Symbol.dispose]()
		},
	},
]

interface Watching {
	readonly calls: number
	readonly disposable: Disposable
	abort(): void
}

const watch = (session: Session, context?: FetchContext): Watching => {
	assert(session.fetcher.watch !== undefined)
	const aborting = new AbortController()
	let calls = 0
	const disposable = session.fetcher.watch(
		() => {
			calls += 1
		},
		context ?? session.context(aborting.signal),
	)
	return {
		get calls() {
			return calls
		},
		disposable,
		abort: () => aborting.abort(new RemoteTermError('STOPPED', 'Aborted by the suite')),
	}
}

const expectSilenceAfter = async (session: Session, end: (watching: Watching) => void): Promise<void> => {
	const watching = watch(session)
	await session.publishUntil(() => watching.calls > 0, 'watch to call onChange')
	// With a change on its way, which is when a timer is most likely to have been forgotten.
	await session.publish()
	end(watching)
	await expectSilence(session, watching)
	end(watching)
	watching.disposable[Symbol.dispose]()
}

/** Silence is no fact that can be waited for; that others have been told of later changes is. */
const expectSilence = async (session: Session, silent: Watching): Promise<void> => {
	const before = silent.calls
	const witness = watch(session)
	for (let round = 0; round < 2; round++) {
		const told = witness.calls
		await session.publishUntil(() => witness.calls > told, 'watch to call onChange')
	}
	witness.disposable[Symbol.dispose]()
	assert.equal(silent.calls, before, 'Expected onChange not to be called any more')
}
