import test from 'ava'
import { safely, type Diagnostics, type Store } from '../../lib/diagnostics/channels.ts'

interface Message {
	readonly number: number
}

/** What holds of `#diagnostics` wherever it runs. `heard`: whether there is anybody who can subscribe. */
export const diagnosticsSuite = (
	where: string,
	{ channel, tracingChannel }: Diagnostics,
	{ heard }: { readonly heard: boolean },
): void => {
	test('a channel tells whether anybody listens, and tells those who do', t => {
		const subject = channel<Message>(`suite:${where}`)
		const numbers: number[] = []
		const handler = ({ number }: Message): void => void numbers.push(number)
		t.false(subject.hasSubscribers)
		subject.publish({ number: 1 })
		subject.subscribe(handler)
		t.is(subject.hasSubscribers, heard)
		subject.publish({ number: 2 })
		t.is(subject.unsubscribe(handler), heard)
		t.false(subject.hasSubscribers)
		t.deepEqual(numbers, heard ? [2] : [])
	})

	test('work runs within what is bound to its start, and gives what it gives', t => {
		const { start } = tracingChannel<Message>(`suite:tracing:${where}`)
		const states: string[] = []
		const store: Store<string> = {
			run(state, within) {
				states.push(state)
				return within()
			},
		}
		start.bindStore(store, ({ number }) => `number ${number}`)
		t.is(
			start.runStores({ number: 3 }, () => 'done'),
			'done',
		)
		start.unbindStore(store)
		start.runStores({ number: 4 }, () => 'done')
		t.deepEqual(states, heard ? ['number 3'] : [])
	})

	test('a tracing channel has its five channels, and knows whether any has a subscriber', t => {
		const subject = tracingChannel<Message>(`suite:five:${where}`)
		t.false(subject.hasSubscribers)
		for (const part of ['start', 'end', 'asyncStart', 'asyncEnd', 'error'] as const) {
			const numbers: number[] = []
			const handler = safely<Message>(({ number }) => {
				numbers.push(number)
				throw new Error('of no consequence')
			})
			subject[part].subscribe(handler)
			t.is(subject.hasSubscribers, heard, part)
			subject[part].publish({ number: 5 })
			subject[part].unsubscribe(handler)
			t.false(subject.hasSubscribers, part)
			t.deepEqual(numbers, heard ? [5] : [], part)
		}
	})
}
