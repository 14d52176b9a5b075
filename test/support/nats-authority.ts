import { nkeys } from '@nats-io/transport-node'

type KeyPair = ReturnType<typeof nkeys.createUser>

export interface NatsAuthority {
	/** For a server that lets in whoever has credentials by this authority. */
	readonly config: string
	/** What stands in the `.creds` file of a new user. */
	credentials(): string
}

/** An operator with one account, as the tool `nsc` makes them: https://docs.nats.io/running-a-nats-service/configuration/securing_nats/auth_intro/jwt */
export const createNatsAuthority = (): NatsAuthority => {
	const [operator, account] = [nkeys.createOperator(), nkeys.createAccount()]
	const unlimited = { subs: -1, data: -1, payload: -1 }
	const operatorJwt = sign(operator, { sub: operator.getPublicKey(), nats: { type: 'operator' } })
	const accountJwt = sign(operator, {
		sub: account.getPublicKey(),
		nats: {
			type: 'account',
			limits: { ...unlimited, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 },
		},
	})
	return {
		config: `
			operator: ${operatorJwt}
			resolver: MEMORY
			resolver_preload: { ${account.getPublicKey()}: ${accountJwt} }`,
		credentials() {
			const user = nkeys.createUser()
			const jwt = sign(account, { sub: user.getPublicKey(), nats: { type: 'user', ...unlimited } })
			const seed = new TextDecoder().decode(user.getSeed())
			return [
				'-----BEGIN NATS USER JWT-----',
				jwt,
				'------END NATS USER JWT------',
				'',
				'-----BEGIN USER NKEY SEED-----',
				seed,
				'------END USER NKEY SEED------',
				'',
			].join('\n')
		},
	}
}

interface Claims {
	readonly sub: string
	readonly nats: object
}

const sign = (issuer: KeyPair, claims: Claims): string => {
	const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
	const issued = {
		jti: claims.sub,
		iat: Math.floor(Date.now() / 1000),
		iss: issuer.getPublicKey(),
		...claims,
		nats: { version: 2, ...claims.nats },
	}
	const text = `${part({ typ: 'JWT', alg: 'ed25519-nkey' })}.${part(issued)}`
	return `${text}.${Buffer.from(issuer.sign(new TextEncoder().encode(text))).toString('base64url')}`
}
