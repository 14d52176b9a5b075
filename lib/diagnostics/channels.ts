/**
 * What this library uses of `node:diagnostics_channel`. Where there is no Node nobody can subscribe, and nothing is
 * published.
 *
 * A subscriber that throws does not reach the publisher: Node reports the error as an `uncaughtException` of its own,
 * on the next tick. A handler that must not end the process goes through `safely`.
 */
export interface Channel<Message extends object> {
	/** Asked before a message is made, so that one which nobody reads costs nothing. */
	readonly hasSubscribers: boolean
	publish(message: Message): void
	subscribe(handler: Handler<Message>): void
	unsubscribe(handler: Handler<Message>): boolean
}

export type Handler<Message extends object> = (message: Message, channel: string | symbol) => void

/** Something that `run` can be called in, as `AsyncLocalStorage` is. */
export interface Store<State> {
	run<Result>(state: State, within: () => Result): Result
}

/** A channel whose messages also stand around a piece of work: what is bound to it is in force while that runs. */
export interface BoundaryChannel<Message extends object> extends Channel<Message> {
	runStores<Result>(message: Message, within: () => Result): Result
	bindStore<State>(store: Store<State>, transform: (message: Message) => State): void
	unbindStore<State>(store: Store<State>): boolean
}

/**
 * Five channels, `tracing:<name>:start` and so on, which get the same message object in turn: `start` and `end` when
 * the work begins and its synchronous part is over, `error` if it failed, `asyncStart` and `asyncEnd` around what
 * follows from its result.
 */
export interface TracingChannel<Message extends object> {
	readonly hasSubscribers: boolean
	readonly start: BoundaryChannel<Message>
	readonly end: Channel<Message>
	readonly asyncStart: Channel<Message>
	readonly asyncEnd: Channel<Message>
	readonly error: Channel<Message>
}

/** `#diagnostics`: Node's channels, or channels into nowhere. */
export interface Diagnostics {
	/** The channel of this name, the same for everybody in the process. */
	channel<Message extends object>(name: string): Channel<Message>
	tracingChannel<Message extends object>(name: string): TracingChannel<Message>
}

/** A handler that throws harms nobody, not even where another version of this library publishes other messages. */
export const safely =
	<Message extends object>(
		handle: (message: Message) => void,
		report: (error: unknown) => void = () => {},
	): Handler<Message> =>
	message => {
		try {
			handle(message)
		} catch (error) {
			report(error)
		}
	}
