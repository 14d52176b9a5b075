import { AsyncLocalStorage } from 'node:async_hooks'
import type { Attributes, Context, Span, Tracer } from '@opentelemetry/api'
import { safely } from '../diagnostics/channels.ts'
import { refreshChannel, type RefreshContext, type RefreshTrigger } from '../term/channels.ts'
import type { Api } from './api.ts'
import { ATTRIBUTES as A } from './names.ts'

/** Begun by nobody who could be the parent: whoever happened to start the term is long gone. */
const BY_ITSELF: ReadonlySet<RefreshTrigger> = new Set(['schedule', 'change'] as const)

/**
 * A span for each refresh, active while that runs, so that the spans of HTTP clients and SDKs become its children.
 * Returns the function that ends it.
 */
export const traceRefreshes = (api: Api, tracer: Tracer): (() => void) => {
	const spans = new Map<RefreshContext, Span>()
	const store = new ActiveContext(api)

	const begin = (context: RefreshContext): Context => {
		const active = api.context.active()
		try {
			const parent = BY_ITSELF.has(context.trigger) ? api.ROOT_CONTEXT : active
			const span = tracer.startSpan(
				`refresh ${context.term}`,
				{ kind: api.SpanKind.INTERNAL, attributes: attributesAtStart(context) },
				parent,
			)
			spans.set(context, span)
			return api.trace.setSpan(parent, span)
		} catch (error) {
			report(error)
			return active
		}
	}
	const end = (context: RefreshContext): void => {
		const span = spans.get(context)
		if (span === undefined) return
		spans.delete(context)
		try {
			describe(api, span, context)
		} finally {
			span.end()
		}
	}
	const report = (error: unknown): void => api.diag.error('remote-term could not trace a refresh', error)
	const onEnd = safely<RefreshContext>(end, report)

	refreshChannel.start.bindStore(store, begin)
	refreshChannel.asyncEnd.subscribe(onEnd)
	return () => {
		refreshChannel.start.unbindStore(store)
		refreshChannel.asyncEnd.unsubscribe(onEnd)
		for (const span of spans.values()) span.end()
		spans.clear()
	}
}

/**
 * What a channel runs its work in is an `AsyncLocalStorage`; OpenTelemetry has its own, and shows only a function that
 * runs something within a context. This is the one in the clothes of the other.
 */
class ActiveContext extends AsyncLocalStorage<Context> {
	readonly #api: Api

	constructor(api: Api) {
		super()
		this.#api = api
	}

	override run<Result, Args extends unknown[]>(
		context: Context,
		within: (...args: Args) => Result,
		...args: Args
	): Result {
		return this.#api.context.with(context, () => within(...args))
	}
}

const attributesAtStart = ({ term, fetcher, trigger, retry }: RefreshContext): Attributes => ({
	[A.name[0]]: term,
	[A.trigger[0]]: trigger,
	[A.retry[0]]: retry,
	...(fetcher !== undefined && { [A.fetcher[0]]: fetcher }),
})

const describe = (api: Api, span: Span, context: RefreshContext): void => {
	const { outcome, version, previousVersion, source, bytes, inflatedBytes, lagMs, consecutiveFailures } =
		context
	// A value of `undefined` is no attribute.
	span.setAttributes({
		[A.outcome[0]]: outcome,
		[A.version[0]]: version,
		[A.previousVersion[0]]: previousVersion,
		[A.source[0]]: source,
		[A.bodySize[0]]: bytes,
		[A.inflatedSize[0]]: inflatedBytes,
		[A.lag[0]]: lagMs === undefined ? undefined : lagMs / 1000,
		[A.consecutiveFailures[0]]: consecutiveFailures,
		...inSeconds('remote_term.step', context.steps),
		...inSeconds('remote_term.blocked', context.blocked),
	})
	const { error } = context
	if (error === undefined) return
	span.setAttributes({ [A.errorType[0]]: error.code, [A.httpStatus[0]]: error.status })
	// Who stops a term has not met an error.
	if (error.code === 'STOPPED') return
	span.recordException(error)
	span.setStatus({ code: api.SpanStatusCode.ERROR, message: error.message })
}

const inSeconds = (prefix: string, spans: object | undefined): Attributes =>
	Object.fromEntries(
		Object.entries<number>({ ...spans }).map(([name, ms]) => [`${prefix}.${name}`, ms / 1000]),
	)
