import { AutoConfigPublisher } from '../../lib/autoconfig/publisher.ts'
import type {
	AutoConfigPublisherOptions,
	StreamRequestOptions,
} from '../../lib/autoconfig/publisher/options.ts'
import { silentLogger } from '../../lib/core/logger.ts'
import { FakeClock } from '../../lib/testing/fake-clock.ts'
import { EventParser, type StreamEvent } from '../../lib/autoconfig/event-parser.ts'
import type { Lifetime } from '../support/lifetime.ts'
import { fact } from './support.ts'

export interface Item {
	readonly version: number
	readonly value?: unknown
	readonly team?: string
}

export const item = (version: number, value: unknown = `v${version}`, team = 'a'): Item => ({
	...{ version, value, team },
})

export interface Published {
	readonly publisher: AutoConfigPublisher<Item>
	readonly clock: FakeClock
}

/** A publisher on a clock that stands still, without chance. */
export const publish = (t: Lifetime, options: AutoConfigPublisherOptions<Item> = {}): Published => {
	const clock = new FakeClock()
	const publisher = new AutoConfigPublisher<Item>({
		clock,
		random: () => 0.5,
		logger: silentLogger,
		...options,
	})
	t.teardown(() => publisher.close())
	return { publisher, clock }
}

export const entriesOf = (items: Readonly<Record<string, Item>>): Array<[string, Item, number]> =>
	Object.entries(items).map(([id, one]) => [id, one, one.version])

/** A client that reads what there is when it is told to. */
export interface Reader {
	readonly response: Response
	readonly events: StreamEvent[]
	readonly comments: string[]
	readonly state: Map<string, Item>
	/** Reads until this holds. */
	until(what: string, holds: () => boolean): Promise<void>
	/** One chunk; `done` at the end. */
	read(): Promise<{ readonly done: boolean; readonly size: number }>
	leave(): Promise<void>
	readonly lastEventId: string
}

export const connect = (
	publisher: AutoConfigPublisher<Item>,
	{
		lastEventId,
		...options
	}: StreamRequestOptions<Item> & { readonly lastEventId?: string | undefined } = {},
): Reader => {
	const headers: Record<string, string> = lastEventId === undefined ? {} : { 'last-event-id': lastEventId }
	const response = publisher.handle(new Request('http://gateway/relay_auto_config', { headers }), options)
	const body = response.body!.getReader()
	const events: StreamEvent[] = []
	const comments: string[] = []
	const state = new Map<string, Item>()
	const parser = new EventParser({
		maxEventBytes: 2 ** 26,
		lastEventId: lastEventId ?? '',
		onEvent: event => {
			events.push(event)
			apply(state, event)
		},
		onComment: comment => void comments.push(comment),
	})
	const read = async (): Promise<{ readonly done: boolean; readonly size: number }> => {
		const { done, value } = (await body.read()) as { done: boolean; value: Uint8Array | undefined }
		if (value !== undefined) parser.feed(value)
		return { done, size: value?.length ?? 0 }
	}
	return {
		...{ response, events, comments, state, read },
		until: async (what, holds) => {
			while (!holds()) if ((await read()).done) throw new Error(`The stream ended before ${what}`)
		},
		leave: () => body.cancel(),
		get lastEventId() {
			return parser.lastEventId
		},
	}
}

/** What a client without memory makes of it. */
const apply = (state: Map<string, Item>, { type, data }: StreamEvent): void => {
	if (type === 'reconnect') return
	const { path, data: content } = JSON.parse(data) as { path: string; data: { items?: Record<string, Item> } }
	if (type === 'put') {
		state.clear()
		for (const [id, one] of Object.entries(content.items ?? {})) state.set(id, one)
		return
	}
	if (!path.startsWith('/items/')) return
	const id = path.slice('/items/'.length)
	if (type === 'patch') state.set(id, content as Item)
	else state.delete(id)
}

/** What the publisher has, as a client should have it. */
export const stateOf = (
	publisher: AutoConfigPublisher<Item>,
	includes: (item: Item) => boolean = () => true,
): Map<string, Item> =>
	new Map([...publisher.entries()].filter(([, one]) => includes(one)).map(([id, one]) => [id, one]))

export { fact }
