import { S3Fetcher } from '../../../fetchers/s3.ts'
import type { Fetcher } from '../../../lib/core/fetcher.ts'
import { S3Server, type Fault as S3Fault } from '../../support/s3-server.ts'
import { damages, mistakes } from '../damage.ts'
import type { Behaviour } from '../faults.ts'
import type { Publisher } from '../publisher.ts'
import type { Scope, World, WorldOptions } from '../world.ts'
import { until } from '../until.ts'
import { Listener } from './listener.ts'

/** Real milliseconds: the SDK takes no clock, and nothing that depends on how busy a machine is may run out. */
const PATIENT = 60_000
const BUCKET = 'terms'
const KEY = 'document.json.gz'
const CREDENTIALS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'not-much-of-a-secret' }

/** An object in the S3 stand-in. */
export class S3World implements World {
	readonly kind = 's3'
	readonly publisher: Publisher
	readonly pace = 250
	readonly #listener: Listener
	readonly #server: S3Server

	private constructor({ publisher }: WorldOptions, listener: Listener, server: S3Server) {
		this.publisher = publisher
		this.#listener = listener
		this.#server = server
		this.#put()
	}

	static async open(scope: Scope, options: WorldOptions): Promise<S3World> {
		const listener = await Listener.open(scope, (request, response) => {
			server.answer(request, response).catch((error: unknown) => response.destroy(error as Error))
		})
		listener.server.keepAliveTimeout = 0
		const server = new S3Server(new URL(`http://127.0.0.1:${listener.port}`), listener.server, CREDENTIALS)
		return new S3World(options, listener, server)
	}

	get url(): string {
		return this.#server.url
	}

	get asked(): number {
		return this.#server.requests.length
	}

	get silent(): boolean {
		const { down } = this.#server
		return (
			down?.kind === 'stall' && this.#listener.openSockets > 0 && this.#server.requests.at(-1)?.status === 0
		)
	}

	createFetcher(): Fetcher {
		return new S3Fetcher({
			bucket: BUCKET,
			key: KEY,
			region: 'eu-test-1',
			endpoint: this.#server.url,
			credentials: CREDENTIALS,
			connectionTimeout: PATIENT,
			requestTimeout: PATIENT,
		})
	}

	async serve(): Promise<void> {
		this.#server.down = undefined
		this.#put()
		await this.#listener.open()
	}

	async misbehave(behaviour: Behaviour): Promise<void> {
		const { publisher } = this
		const { random } = publisher
		this.#server.down = faultOf(behaviour, publisher)
		switch (behaviour.act) {
			case 'refuse':
				await this.#listener.shut()
				break
			case 'damage': {
				const { bytes, etag, publishedAt } = publisher.publish()
				this.#server.put(BUCKET, KEY, damages[behaviour.how](bytes, random), {
					etag,
					lastModified: publishedAt,
				})
				return
			}
			case 'mistake':
				this.#server.put(BUCKET, KEY, mistakes[behaviour.what](publisher), { lastModified: publisher.now })
				return
			case 'wrong-checksum':
				this.#server.put(BUCKET, KEY, publisher.publish().bytes, {
					headers: { 'x-amz-checksum-crc32': 'AAAAAA==' },
				})
				return
			case 'same-tag':
				publisher.publish(publisher.newest.etag)
				break
			case 'go-back':
				publisher.goBack()
				break
			case 'new-tags':
				publisher.rename()
				break
			case 'no-tags': {
				const { bytes } = publisher.publish()
				this.#server.put(BUCKET, KEY, bytes, { etag: null })
				return
			}
			case 'not-modified':
				return
			default:
				publisher.publish()
		}
		this.#put()
	}

	async open(): Promise<number> {
		await until(() => this.#listener.openSockets === 0)
		return this.#listener.openSockets
	}

	#put(): void {
		const { bytes, etag, publishedAt } = this.publisher.newest
		this.#server.put(BUCKET, KEY, bytes, { etag, lastModified: publishedAt })
	}
}

const NAMES: Readonly<Record<number, string>> = {
	401: 'InvalidToken',
	403: 'AccessDenied',
	404: 'NoSuchKey',
	429: 'SlowDown',
	500: 'InternalError',
	503: 'ServiceUnavailable',
}

const faultOf = (behaviour: Behaviour, { newest }: Publisher): S3Fault | undefined => {
	const half = newest.bytes.length >> 1
	switch (behaviour.act) {
		case 'reset':
			return { kind: 'reset', ...(behaviour.at === 'body' && { afterBytes: half }) }
		case 'silence':
			return { kind: 'stall', ...(behaviour.at === 'body' && { afterBytes: half }) }
		case 'short':
			return { kind: 'short', afterBytes: half }
		case 'not-modified':
			return { kind: 'not-modified' }
		case 'status': {
			const { status, headers = {} } = behaviour
			return { kind: 'error', status, code: NAMES[status] ?? 'Strange', headers }
		}
		default:
			return undefined
	}
}
