#!/usr/bin/env node
import { systemClock } from '../core/clock.ts'
import { ENDING_SIGNALS, exitCodeOfSignal } from './exit-codes.ts'
import { Interruption } from './io.ts'
import { run } from './program.ts'

const { argv, env, stdin, stdout, stderr } = process

// The SDK's nine lines about old versions of Node are for those who install it, not for those who read a value.
env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true'

const ending = new AbortController()
for (const name of ENDING_SIGNALS) {
	process.on(name, () => {
		// Whoever asks twice does not want to wait for a clean end.
		if (ending.signal.aborted) process.exit(exitCodeOfSignal(name))
		ending.abort(new Interruption(name))
	})
}
// A failed write is told to whoever waits for it; as an event it would end the process.
for (const stream of [stdout, stderr]) stream.on('error', () => {})

const code = await run(argv.slice(2), {
	stdin,
	stdout,
	stderr,
	env,
	clock: systemClock,
	signal: ending.signal,
})
// Only when all is written, but then at once, whatever a connection pool may still hold open.
stdout.write('', () => stderr.write('', () => process.exit(code)))
