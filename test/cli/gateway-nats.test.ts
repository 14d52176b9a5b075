import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runInside, startCommand, temporaryFolder } from '../support/command.ts'
import { item, push } from '../support/gateway.ts'
import { natsTest, startNatsServer } from '../support/nats-server.ts'

const TOKEN = 'token-of-two-gateways-0123456789'
const test = natsTest()

test('two gateways on one NATS server share one truth, and one of them outlives the other', async t => {
	const { address } = await startNatsServer(t, { jetstream: true })
	const file = join(temporaryFolder(t), 'users.json')
	writeFileSync(file, JSON.stringify({ service: 'users', ...push('1.0.0', [item('a')]) }))
	const start = async (): Promise<{ url: string; kill: () => Promise<unknown> }> => {
		// Twice the same one: several servers of a cluster are separated by commas.
		const args = ['serve', '--port', '0', '--nats', `${address},nats://${address}`]
		const { line, child, ended } = startCommand(t, args, { env: { REMOTE_TERM_GATEWAY_TOKEN: TOKEN } })
		const url = (await line('listening')).split(/\s+/)[1]!
		t.is(await line('database'), `database   NATS at ${address},nats://${address}`)
		return {
			url,
			kill: () => {
				child.kill('SIGKILL')
				return ended
			},
		}
	}
	const [one, other] = await Promise.all([start(), start()])
	const ask = (url: string, ...args: readonly string[]) =>
		runInside([...args, '--timeout', '60s'], { env: { REMOTE_TERM_GATEWAY: url, REMOTE_TERM_TOKEN: TOKEN } })
	const pushed = await ask(one.url, 'push', file)
	t.is(pushed.code, 0, pushed.err)
	while ((await ask(other.url, 'verify', 'users', '1.0.0')).code !== 0);
	await one.kill()
	t.regex((await ask(other.url, 'push', file)).out, /^skipped {2}users 1\.0\.0/)
	const third = await start()
	t.is((await ask(third.url, 'verify', 'users', '1.0.0')).code, 0)
})
