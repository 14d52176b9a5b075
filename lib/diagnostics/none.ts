import type { BoundaryChannel, Diagnostics, TracingChannel } from './channels.ts'

const nothing = (): void => {}

/** Nobody can subscribe, so nobody is told; work runs as it would have. */
const nowhere: BoundaryChannel<never> = Object.freeze({
	hasSubscribers: false,
	publish: nothing,
	subscribe: nothing,
	unsubscribe: () => false,
	runStores: <Result>(_message: object, within: () => Result): Result => within(),
	bindStore: nothing,
	unbindStore: () => false,
})

const tracingNowhere: TracingChannel<never> = Object.freeze({
	hasSubscribers: false,
	start: nowhere,
	end: nowhere,
	asyncStart: nowhere,
	asyncEnd: nowhere,
	error: nowhere,
})

export const channel: Diagnostics['channel'] = () => nowhere
export const tracingChannel: Diagnostics['tracingChannel'] = () => tracingNowhere
