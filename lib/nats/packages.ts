import { messageOf, RemoteTermError } from '../core/errors.ts'

export type Transport = typeof import('@nats-io/transport-node')
export type JetStream = typeof import('@nats-io/jetstream')
export type Kv = typeof import('@nats-io/kv')

/** What to install, all at once, where one of them is missing. */
const NEEDS: Readonly<Record<string, string>> = {
	NatsFetcher: '@nats-io/transport-node @nats-io/jetstream',
	NatsConfigDb: '@nats-io/transport-node @nats-io/jetstream @nats-io/kv',
}

/** Optional peers: their absence is a wrong installation, to be told in words that help. */
const load = async <Loaded>(
	owner: string,
	name: string,
	importing: () => Promise<Loaded>,
): Promise<Loaded> => {
	try {
		return await importing()
	} catch (error) {
		throw new RemoteTermError(
			'INVALID_OPTION',
			`${owner} needs ${name}, which cannot be loaded: npm install ${NEEDS[owner] ?? name} (${messageOf(error)})`,
			{ cause: error },
		)
	}
}

/** @param owner Who needs it, for the message. */
export const loadTransport = (owner: string): Promise<Transport> =>
	load(owner, '@nats-io/transport-node', () => import('@nats-io/transport-node'))

export const loadJetStream = (owner: string): Promise<JetStream> =>
	load(owner, '@nats-io/jetstream', () => import('@nats-io/jetstream'))

export const loadKv = (owner: string): Promise<Kv> => load(owner, '@nats-io/kv', () => import('@nats-io/kv'))
