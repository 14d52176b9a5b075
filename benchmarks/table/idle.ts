/** A process that does nothing but watch its event loop: what the machine does to everybody. */
import { StallProbe } from './stall.ts'

const probe = new StallProbe()
process.on('message', (word: 'begin' | 'end') => {
	if (word === 'begin') probe.begin()
	else void probe.end().then(stall => process.send!(stall))
})
process.on('disconnect', () => process.exit())
