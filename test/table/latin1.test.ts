import test from 'ava'
import { latin1 } from '../../lib/table/latin1.ts'

test('characters of one byte are read as the runtime reads them, however many there are', t => {
	const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => (i * 37 + 200) & 0xff))
	for (let length = 0; length < 70; length++) {
		for (const at of [0, 1, 100])
			t.is(latin1(bytes, at, length), bytes.toString('latin1', at, at + length), `${length} at ${at}`)
	}
})
