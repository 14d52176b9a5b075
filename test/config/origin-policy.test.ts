import test from 'ava'
import fc from 'fast-check'
import { refusedRange } from '../../lib/config/pull/addresses.ts'
import { createOriginPolicy, type PullOrigins } from '../../lib/config/pull/origin-policy.ts'
import { RemoteTermError } from '../../lib/core/errors.ts'

const pulled = (node: string, extras: Partial<PullOrigins> = {}): PullOrigins => ({
	service: 'billing',
	nodes: [node],
	target: '/config.json',
	...extras,
})

const policy = createOriginPolicy({
	allowedOrigins: ['https://config.example.com', 'http://10.0.0.7:8080', 'https://*.svc.example.com'],
	fetcherNames: ['billing-s3'],
})

test('a node of an allowed origin, and a registered name, may be pulled from', t => {
	for (const node of [
		'https://config.example.com',
		'https://config.example.com:443/base/',
		'https://CONFIG.example.com/x?y=z',
		'http://10.0.0.7:8080',
		'https://eu.svc.example.com',
		'https://a.b.svc.example.com/x',
		'billing-s3',
	])
		t.notThrows(() => policy.check(pulled(node)), node)
})

for (const node of [
	'http://config.example.com',
	'https://config.example.com:8443',
	'https://config.example.com.',
	'https://config.example.com.attacker.test',
	'https://attacker.test/https://config.example.com',
	'https://user:secret@config.example.com',
	'https://config.example.com@attacker.test',
	'https://svc.example.com',
	'https://xsvc.example.com',
	'http://eu.svc.example.com',
	'https://eu.svc.example.com:444',
	'http://10.0.0.7',
	'http://10.0.0.8:8080',
	'http://169.254.169.254/latest/meta-data',
	'http://2852039166/',
	'http://[::ffff:a9fe:a9fe]/',
	'http://0x7f.1:8080',
	'ftp://config.example.com',
	'file:///etc/passwd',
	'javascript:alert(1)',
	'gopher://config.example.com',
	'billing-s4',
	'constructor',
	'__proto__',
	'',
	'//config.example.com',
]) {
	test(`a push cannot have the gateway pull from ${JSON.stringify(node)}`, t => {
		const error = t.throws(() => policy.check(pulled(node)), { instanceOf: RemoteTermError })
		t.is(error.code, 'ORIGIN_REFUSED')
		t.regex(error.message, /nodes of billing .* one of https:\/\/config\.example\.com, .*billing-s3/)
		t.notRegex(error.message, /secret/)
	})
}

for (const target of [
	'//attacker.test/x',
	'http://attacker.test/x',
	'https://config.example.com:8443/x',
	'http://config.example.com/x',
	'\\\\attacker.test\\x',
	'https://me@config.example.com/x',
	'data:application/json,[]',
]) {
	test(`a target cannot lead away from its node: ${target}`, t => {
		const node = 'https://config.example.com/'
		t.throws(() => policy.check(pulled(node, { target })), { code: 'ORIGIN_REFUSED' })
		t.throws(() => policy.check(pulled(node, { versionTarget: target })), { code: 'ORIGIN_REFUSED' })
	})
}

test('one node that is not allowed refuses all of the service', t => {
	const nodes = ['https://config.example.com', 'https://attacker.test']
	t.throws(() => policy.check(pulled('', { nodes })), { code: 'ORIGIN_REFUSED', message: /attacker\.test/ })
})

test('where nothing is allowed, everything is refused, and that is said', t => {
	const none = createOriginPolicy()
	t.throws(() => none.check(pulled('https://config.example.com')), {
		code: 'ORIGIN_REFUSED',
		message: /no origin is allowed/,
	})
})

for (const entry of [
	'config.example.com',
	'https://config.example.com/path',
	'https://config.example.com/?x',
	'https://user@config.example.com',
	'https://*',
	'https://*.com',
	'https://*.1.2',
	'https://a.*.example.com',
	'https://*example.com',
	'*',
	'ftp://config.example.com',
]) {
	test(`an operator's mistake is an error, not a rule that nobody expects: ${entry}`, t => {
		const error = t.throws(() => createOriginPolicy({ allowedOrigins: [entry] }), {
			instanceOf: RemoteTermError,
		})
		t.is(error.code, 'INVALID_OPTION')
		t.regex(error.message, /allowedOrigins/)
	})
}

test('options that nobody knows, names that are none and blocks that are none are refused', t => {
	const wrong = { allowedOrigin: [] } as object
	t.throws(() => createOriginPolicy(wrong), { code: 'INVALID_OPTION', message: /allowedOrigin/ })
	t.throws(() => createOriginPolicy({ fetcherNames: ['http://x'] }), { message: /fetcherNames/ })
	t.throws(() => createOriginPolicy({ allowedAddresses: ['10.0.0.0/40'] }), { message: /allowedAddresses/ })
	t.throws(() => createOriginPolicy({ allowedAddresses: ['example.com'] }), { message: /allowedAddresses/ })
})

const REFUSED: ReadonlyArray<readonly [string, RegExp]> = [
	['127.0.0.1', /loopback/],
	['127.255.0.9', /loopback/],
	['0.0.0.0', /unspecified/],
	['10.1.2.3', /private/],
	['172.31.0.1', /private/],
	['192.168.1.1', /private/],
	['169.254.169.254', /link-local/],
	['100.64.0.1', /carrier-grade/],
	['100.100.100.200', /carrier-grade/],
	['192.0.2.1', /reserved/],
	['198.18.0.1', /reserved/],
	['224.0.0.1', /multicast/],
	['255.255.255.255', /broadcast/],
	['240.0.0.1', /reserved/],
	['::', /unspecified/],
	['::1', /loopback/],
	['::ffff:127.0.0.1', /loopback/],
	['::ffff:a9fe:a9fe', /link-local/],
	['::7f00:1', /not global/],
	['fe80::1', /link-local/],
	['fe80::1%eth0', /link-local/],
	['fec0::1', /site-local/],
	['fc00::1', /unique local/],
	['fd00:ec2::254', /unique local/],
	['64:ff9b::a9fe:a9fe', /NAT64/],
	['64:ff9b:1::1', /NAT64/],
	['::ffff:0:127.0.0.1', /IPv4-translated/],
	['2002:7f00:1::', /6to4/],
	['2001:0:1::1', /teredo/],
	['2001:db8::1', /reserved/],
	['ff02::1', /multicast/],
	['4000::1', /not global/],
	['localhost', /no address/],
	['0177.0.0.1', /no address/],
	['2130706433', /no address/],
]

for (const [address, range] of REFUSED) {
	test(`${address} is not of the open Internet`, t => {
		t.regex(refusedRange(address) ?? 'public', range)
		t.throws(() => policy.checkAddress('config.example.com', address), { code: 'ORIGIN_REFUSED' })
	})
}

test('public addresses are', t => {
	for (const address of ['1.1.1.1', '8.8.8.8', '172.32.0.1', '2606:4700::1111', '::ffff:8.8.8.8'])
		t.is(refusedRange(address), undefined, address)
})

test('an address that is itself an allowed origin is meant as one, and helps no name that resolves to it', t => {
	t.notThrows(() => policy.checkAddress('10.0.0.7', '10.0.0.7'))
	t.throws(() => policy.checkAddress('10.0.0.8', '10.0.0.8'), { message: /neither an allowed origin/ })
	t.throws(() => policy.checkAddress('config.example.com', '10.0.0.7'), {
		message: /resolves to 10\.0\.0\.7/,
	})
})

test('localhost may be what it always is, and nothing else', t => {
	t.notThrows(() => policy.checkAddress('localhost', '127.0.0.1'))
	t.notThrows(() => policy.checkAddress('billing.localhost', '::1'))
	t.throws(() => policy.checkAddress('localhost', '10.0.0.1'))
	t.throws(() => policy.checkAddress('notlocalhost', '127.0.0.1'))
})

test('the operator may allow blocks of addresses, in either notation', t => {
	const inside = createOriginPolicy({ allowedAddresses: ['10.0.0.0/8', 'fd00::/8', '127.0.0.1'] })
	t.notThrows(() => inside.checkAddress('x', '10.9.9.9'))
	t.notThrows(() => inside.checkAddress('x', '::ffff:10.9.9.9'))
	t.notThrows(() => inside.checkAddress('x', 'fd12::1'))
	t.notThrows(() => inside.checkAddress('x', '127.0.0.1'))
	t.throws(() => inside.checkAddress('x', '127.0.0.2'))
	t.throws(() => inside.checkAddress('x', '192.168.0.1'))
})

test('whatever a node is, it is allowed or refused with our code, and what is allowed is of an allowed origin', t => {
	const parts = fc.constantFrom(
		...['https:', 'http:', '//', '/', '\\', '@', ':', '.', '*', '#', '?', '%2f', '\t', ' ', '[', ']', '::1'],
		...['config.example.com', 'svc.example.com', 'attacker.test', '443', '8080', '10.0.0.7', '127.0.0.1'],
	)
	const text = fc.array(parts, { maxLength: 8 }).map(all => all.join(''))
	fc.assert(
		fc.property(text, text, (node, target) => {
			try {
				for (const place of policy.placesOf(pulled(node, { target }))) {
					if (place.kind === 'name') return place.name === 'billing-s3'
					const { origin, hostname } = place.url
					return (
						['https://config.example.com', 'http://10.0.0.7:8080'].includes(origin) ||
						(origin === `https://${hostname}` && hostname.endsWith('.svc.example.com'))
					)
				}
				return false
			} catch (error) {
				return error instanceof RemoteTermError && error.code === 'ORIGIN_REFUSED'
			}
		}),
		{ numRuns: 3000 },
	)
	t.pass()
})
