import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Lifetime } from './lifetime.ts'
import { temporaryDirectory } from './temporary.ts'

export interface Certificates {
	readonly caFile: string
	readonly certFile: string
	readonly keyFile: string
}

/** An authority of the test's own, and a certificate by it for 127.0.0.1 that serves servers and clients. Needs openssl. */
export const createCertificates = async (t: Lifetime): Promise<Certificates> => {
	const { path, remove } = await temporaryDirectory()
	t.teardown(remove)
	const file = (name: string): string => join(path, name)
	const openssl = (...args: string[]) => promisify(execFile)('openssl', args)
	const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
	await openssl(
		'req',
		'-x509',
		...key,
		'-keyout',
		file('ca.key'),
		'-out',
		file('ca.pem'),
		'-subj',
		'/CN=test authority',
		'-days',
		'2',
	)
	await openssl(
		'req',
		...key,
		'-keyout',
		file('key.pem'),
		'-out',
		file('request.pem'),
		'-subj',
		'/CN=127.0.0.1',
	)
	await writeFile(
		file('extensions'),
		'subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth,clientAuth\n',
	)
	await openssl(
		'x509',
		'-req',
		'-in',
		file('request.pem'),
		'-CA',
		file('ca.pem'),
		'-CAkey',
		file('ca.key'),
		'-CAcreateserial',
		'-out',
		file('cert.pem'),
		'-days',
		'2',
		'-extfile',
		file('extensions'),
	)
	return { caFile: file('ca.pem'), certFile: file('cert.pem'), keyFile: file('key.pem') }
}
