// One contender, in a process of its own: node contender-process.js <name> <directory>
import { lmdbSink, logSink, sqliteSink } from './sinks.ts'
import { contenderOf, type ContenderCall, type LocalName, type Sink } from './workload.ts'

const SINKS: Readonly<Record<LocalName, (directory: string) => Promise<Sink | undefined>>> = {
	lmdb: lmdbSink,
	log: logSink,
	sqlite: sqliteSink,
}

const [, , name, directory] = process.argv
const sink = await SINKS[name as LocalName](directory!)
if (sink === undefined) throw new Error(`There is no ${name} here`)
const contender = contenderOf(sink)

const answer = async (call: ContenderCall): Promise<void> => {
	switch (call.do) {
		case 'fill':
			await contender.fill(call.filling)
			break
		case 'time':
			process.send!(await contender.time(call.workload))
			return
		case 'close':
			await contender.close()
			process.disconnect()
			return
	}
	process.send!('done')
}
process.on('message', call => void answer(call as ContenderCall))
process.send!('ready')
