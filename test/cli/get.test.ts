import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { gzipSync } from 'node:zlib'
import test from 'ava'
import { pack } from 'msgpackr'
import { command, runInside, startCommand, temporaryFolder } from '../support/command.ts'
import { serveOrigin } from '../support/origin.ts'
import { serveS3 } from '../support/s3-server.ts'
import { closedPort } from '../support/ports.ts'
import { serveRaw } from '../support/serve.ts'

const rates = { EUR: 1, USD: 1.09, 'a/b': { list: [10, 'x'] } }

test('a document is printed as JSON with an indent of two, and the exit code is 0', async t => {
	const origin = await serveOrigin(t)
	origin.publish(JSON.stringify(rates))
	const { code, out, err } = await command(t, ['get', `${origin.url.href}rates.json`])
	t.is(out, `${JSON.stringify(rates, null, 2)}\n`)
	t.is(err, '')
	t.is(code, 0)
})

test('a gzipped document is inflated', async t => {
	const origin = await serveOrigin(t)
	origin.publish(gzipSync(JSON.stringify(rates)))
	const { out } = await runInside(['get', `${origin.url.href}rates.json.gz`, '--compact'])
	t.is(out, `${JSON.stringify(rates)}\n`)
})

test('--path prints a part, and --raw a string without its quotes', async t => {
	const origin = await serveOrigin(t)
	origin.publish(JSON.stringify(rates))
	const url = `${origin.url.href}rates.json`
	const [number, text, raw, part] = await Promise.all([
		runInside(['get', url, '--path', '/USD']),
		runInside(['get', url, '--path', '/a~1b/list/1']),
		runInside(['get', url, '--path', '/a~1b/list/1', '--raw']),
		runInside(['get', url, '--path', '/a~1b', '--compact']),
	])
	t.is(number.out, '1.09\n')
	t.is(text.out, '"x"\n')
	t.is(raw.out, 'x\n')
	t.is(part.out, '{"list":[10,"x"]}\n')
})

test('a missing path is exit code 4, and says what there is', async t => {
	const origin = await serveOrigin(t)
	origin.publish(JSON.stringify(rates))
	const { code, out, err } = await runInside(['get', `${origin.url.href}rates.json`, '--path', '/usd/x'])
	t.is(code, 4)
	t.is(out, '')
	t.is(
		err,
		"remote-term: Nothing at '/usd/x': the value is an object of 3 keys without 'usd' (PATH_NOT_FOUND)\n  hint: Close: '/USD'.\n",
	)
})

test('a file is named by its path or its URL', async t => {
	const folder = temporaryFolder(t)
	writeFileSync(join(folder, 'my rates.json'), JSON.stringify(rates))
	const url = pathToFileURL(join(folder, 'my rates.json')).href
	const ended = await Promise.all([
		command(t, ['get', './my rates.json', '--path', '/EUR'], { cwd: folder }),
		command(t, ['get', join(folder, 'my rates.json'), '--path', '/EUR']),
		command(t, ['get', url, '--path', '/EUR']),
	])
	for (const { code, out, err } of ended) t.deepEqual([code, out, err], [0, '1\n', ''])
})

test('each codec reads its own, by the extension or as it is told', async t => {
	const folder = temporaryFolder(t)
	const bytes = Buffer.from([0, 255, 10, 128])
	writeFileSync(join(folder, 'rows.ndjson'), '{"id":1}\n{"id":2}\n')
	writeFileSync(
		join(folder, 'rules.msgpack'),
		pack({ id: 2n ** 63n, raw: new Uint8Array([1, 2]), name: 'n' }),
	)
	writeFileSync(join(folder, 'notes.txt.gz'), gzipSync('one\ntwo'))
	writeFileSync(join(folder, 'model.bin'), bytes)
	writeFileSync(join(folder, 'plain'), '[1]')
	const get = async (...args: string[]): Promise<Buffer> => {
		const { code, err, stdout } = await command(t, ['get', ...args], { cwd: folder })
		t.deepEqual([code, err], [0, ''])
		return stdout
	}
	t.is((await get('rows.ndjson', '-c')).toString(), '[{"id":1},{"id":2}]\n')
	t.is((await get('rules.msgpack', '-c')).toString(), '{"id":9223372036854775808,"raw":"AQI=","name":"n"}\n')
	t.deepEqual(await get('rules.msgpack', '--path', '/raw', '--raw'), Buffer.from([1, 2]))
	t.is((await get('notes.txt.gz')).toString(), 'one\ntwo')
	t.deepEqual(await get('model.bin'), bytes)
	t.is((await get('plain')).toString(), '[\n  1\n]\n')
	t.is((await get('plain', '--codec', 'text')).toString(), '[1]')
})

test('an object in S3 is found with the variables of AWS', async t => {
	const s3 = await serveS3(t)
	s3.put('bucket', 'config/rates.json', JSON.stringify(rates))
	const { accessKeyId, secretAccessKey } = s3.credentials
	const env = { AWS_ENDPOINT_URL_S3: s3.url, AWS_ACCESS_KEY_ID: accessKeyId }
	const source = 's3://bucket/config/rates.json?region=eu-west-1'
	const good = await command(t, ['get', source, '--path', '/USD'], {
		env: { ...env, AWS_SECRET_ACCESS_KEY: secretAccessKey },
	})
	t.deepEqual([good.code, good.out, good.err], [0, '1.09\n', ''])

	const denied = await command(t, ['get', source, '--verbose'], {
		env: { ...env, AWS_SECRET_ACCESS_KEY: 'a-mistaken-secret-key' },
	})
	t.is(denied.code, 1)
	t.regex(denied.err, /^remote-term: .*\(FETCH_DENIED\)\n {2}hint: .*AWS_ACCESS_KEY_ID/)
	t.false(denied.err.includes('a-mistaken-secret-key'))
})

test('without SOURCE the environment says it, under a prefix of choice', async t => {
	const origin = await serveOrigin(t)
	origin.publish('one\n')
	const url = `${origin.url.href}notes.txt`
	const [standard, own, none] = await Promise.all([
		command(t, ['get'], { env: { REMOTE_TERM_SOURCE: url } }),
		command(t, ['get', '--prefix', 'RATES'], { env: { RATES_SOURCE: url } }),
		command(t, ['get']),
	])
	t.is(standard.out, 'one\n')
	t.is(own.out, 'one\n')
	t.is(none.code, 2)
	t.regex(none.err, /REMOTE_TERM_SOURCE.*\(INVALID_OPTION\)/)
})

test('headers are sent, and shown to nobody', async t => {
	const origin = await serveOrigin(t)
	origin.misbehave((_request, response) => response.writeHead(403).end())
	const url = `http://someone:pass-word@${origin.url.host}/rates.json?signature=0123456789`
	const { code, out, err } = await runInside([
		...['get', url, '--verbose', '-H', 'X-Token: secret-token-1'],
		...['-H', 'x-other:  two '],
	])
	t.is(code, 1)
	t.regex(err, /^remote-term: .*\/rates\.json\?signature=… .*\(FETCH_DENIED\)\n {2}hint: .*--header/)
	const [request] = origin.requests
	t.is(request!.headers['x-token'], 'secret-token-1')
	t.is(request!.headers['x-other'], 'two')
	for (const secret of ['secret-token-1', 'pass-word', '0123456789']) t.false((out + err).includes(secret))
})

test('what the source does wrong is exit code 1 and one line with its code', async t => {
	const origin = await serveOrigin(t)
	const answers: ReadonlyArray<readonly [status: number, code: string]> = [
		[404, 'FETCH_NOT_FOUND'],
		[401, 'FETCH_DENIED'],
		[429, 'FETCH_THROTTLED'],
		[500, 'FETCH_STATUS'],
		[204, 'FETCH_STATUS'],
	]
	for (const [status, errorCode] of answers) {
		origin.misbehave((_request, response) => response.writeHead(status).end())
		const { code, out, err } = await runInside(['get', `${origin.url.href}rates.json`])
		t.is(code, 1)
		t.is(out, '')
		t.regex(err, new RegExp(`^remote-term: .* ${status}.* \\(${errorCode}\\)\\n`))
	}
})

test('nobody listening, nobody answering and no such file are exit code 1', async t => {
	const silent = await serveRaw(t, () => {})
	const [refused, late, missing] = await Promise.all([
		runInside(['get', `http://127.0.0.1:${await closedPort()}/`]),
		runInside(['get', silent.url.href, '--timeout', '300ms']),
		command(t, ['get', 'example.com/rates.json'], { cwd: temporaryFolder(t) }),
	])
	t.is(refused.code, 1)
	t.regex(refused.err, /^remote-term: .*ECONNREFUSED.* \(FETCH_FAILED\)\n$/)
	t.is(late.code, 1)
	t.regex(late.err, /300 ms.* \(TIMEOUT\)\n {2}hint: --timeout/)
	t.is(missing.code, 1)
	t.regex(missing.err, /\(FETCH_NOT_FOUND\)\n {2}hint: .*https:/)
})

test('data that is refused is exit code 3', async t => {
	const origin = await serveOrigin(t)
	const get = async (body: Uint8Array | string, ...args: string[]): Promise<[number | null, string]> => {
		origin.publish(body)
		const { code, err, out } = await runInside(['get', `${origin.url.href}rates.json`, ...args])
		t.is(out, '')
		return [code, err]
	}
	const gz = gzipSync(JSON.stringify(rates))
	for (const [[code, err], expected] of [
		[await get('<html>Sign in</html>'), /\(DESERIALIZE_FAILED\)\n {2}hint: --codec/],
		[await get(''), /\(EMPTY_BODY\)\n$/],
		[await get(gz.subarray(0, -5)), /\(INFLATE_FAILED\)\n$/],
		[await get('[1,2,3]', '--max-bytes', '6'), /\(TOO_LARGE\)\n {2}hint: --max-bytes/],
		[await get(gz, '--max-inflated-bytes', '10B'), /\(INFLATED_TOO_LARGE\)\n {2}hint: --max-inflated-bytes/],
	] as const) {
		t.is(code, 3)
		t.regex(err, expected)
	}
})

test('a reader who leaves early is no failure', async t => {
	const folder = temporaryFolder(t)
	writeFileSync(
		join(folder, 'rows.json'),
		JSON.stringify(Array.from({ length: 200_000 }, (_, id) => ({ id }))),
	)
	const { child, ended } = startCommand(t, ['get', 'rows.json'], { cwd: folder })
	child.stdout!.once('data', () => child.stdout!.destroy())
	const { code, err } = await ended
	t.deepEqual([code, err], [0, ''])
})

test('^C before the value is there ends the command with 130, SIGTERM with 143', async t => {
	for (const [signal, expected] of [
		['SIGINT', 130],
		['SIGTERM', 143],
	] as const) {
		const origin = await serveOrigin(t)
		const asked = new Promise<void>(resolve => origin.misbehave(() => resolve()))
		const { child, ended } = startCommand(t, ['get', `${origin.url.href}rates.json`])
		await asked
		child.kill(signal)
		const { code, out, err } = await ended
		t.deepEqual([code, out, err], [expected, '', ''])
	}
})

test('--verbose tells the causes of a failure, and the figures of a success', async t => {
	const origin = await serveOrigin(t)
	origin.publish(gzipSync(JSON.stringify(rates)), { etag: '"v1"' })
	const [failed, done] = await Promise.all([
		runInside(['get', `http://127.0.0.1:${await closedPort()}/`, '-v']),
		runInside(['get', `${origin.url.href}rates.json`, '-v']),
	])
	t.regex(failed.err, /\(FETCH_FAILED\)\n {2}caused by: .*ECONNREFUSED/)
	t.regex(done.err, /^remote-term: "v1" {2}\d+ B, inflated 44 B {2}\d/)
})
