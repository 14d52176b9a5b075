import test from 'ava'
import { ed25519 as native } from '../../lib/integrity/ed25519/native.ts'
import { ed25519 as portable } from '../../lib/integrity/ed25519/portable.ts'

/** RFC 8032 §7.1: seed, public key, message, signature. */
const vectors = [
	{
		title: 'TEST 1',
		seed: '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
		publicKey: 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
		message: '',
		signature:
			'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
	},
	{
		title: 'TEST 2',
		seed: '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
		publicKey: '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
		message: '72',
		signature:
			'92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
	},
	{
		title: 'TEST 3',
		seed: 'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
		publicKey: 'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
		message: 'af82',
		signature:
			'6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
	},
	{
		title: 'TEST SHA(abc)',
		seed: '833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42',
		publicKey: 'ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf',
		message:
			'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
		signature:
			'dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704',
	},
]

const bytes = (hex: string): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(hex, 'hex'))

for (const [name, ed25519] of Object.entries({ native, portable })) {
	for (const { title, seed, publicKey, message, signature } of vectors) {
		test(`${name}: RFC 8032 ${title}`, async t => {
			t.deepEqual(await ed25519.publicKeyOf(bytes(seed)), bytes(publicKey))
			t.deepEqual(await ed25519.sign(bytes(seed), bytes(message)), bytes(signature))
			t.true(await ed25519.verify(bytes(publicKey), bytes(signature), bytes(message)))
			t.false(await ed25519.verify(bytes(publicKey), bytes(signature), bytes(`${message}00`)))
			for (let byte = 0; byte < 64; byte++) {
				const wrong = bytes(signature)
				wrong[byte]! ^= 0x10
				t.false(await ed25519.verify(bytes(publicKey), wrong, bytes(message)))
			}
		})
	}

	test(`${name}: what a generated key signs verifies in both, and under no other key`, async t => {
		const [one, other] = [await ed25519.generate(), await ed25519.generate()]
		const message = Buffer.from('message')
		const signature = await ed25519.sign(one.privateKey, message)
		for (const verifier of [native, portable]) {
			t.true(await verifier.verify(one.publicKey, signature, message))
			t.false(await verifier.verify(other.publicKey, signature, message))
		}
	})

	test(`${name}: signatures of the wrong length, and S beyond the group's order, are wrong signatures`, async t => {
		const { publicKey, message, signature } = vectors[1]!
		for (const wrong of ['', signature.slice(2), `${signature}00`, '00'.repeat(64), 'ff'.repeat(64)])
			t.false(await ed25519.verify(bytes(publicKey), bytes(wrong), bytes(message)))
		// S + L: the same signature again in other bytes, which RFC 8032 §5.1.7 forbids to accept.
		const order = 2n ** 252n + 27742317777372353535851937790883648493n
		const half = bytes(signature.slice(64)).reverse()
		const s = BigInt(`0x${Buffer.from(half).toString('hex')}`) + order
		const malleated = Buffer.from(s.toString(16).padStart(64, '0'), 'hex').reverse().toString('hex')
		t.false(await ed25519.verify(bytes(publicKey), bytes(signature.slice(0, 64) + malleated), bytes(message)))
	})
}
