import type { IncomingMessage, ServerResponse } from 'node:http'
import type { LookupFunction } from 'node:net'
import { Agent } from 'undici'
import { HttpFetcher } from '../../../fetchers/http.ts'
import type { Clock } from '../../../lib/core/clock.ts'
import type { Fetcher } from '../../../lib/core/fetcher.ts'
import { damages, mistakes } from '../damage.ts'
import type { Behaviour } from '../faults.ts'
import type { Edition, Publisher } from '../publisher.ts'
import type { Scope, World, WorldOptions } from '../world.ts'
import { nextTurn, until } from '../until.ts'
import { Listener } from './listener.ts'

/** Real milliseconds, where no clock can be given: nothing that depends on how busy a machine is may run out. */
const PATIENT = 60_000

interface Content {
	readonly bytes: Buffer
	readonly etag: string
	readonly publishedAt: number
	readonly always?: boolean
}

export interface HttpWorldOptions extends WorldOptions {
	/** Sent with each body and each 304. */
	readonly headers?: Readonly<Record<string, string>>
	/** How long a connection may be idle, in milliseconds. Default: for ever. */
	readonly keepAlive?: number
	/** Ask for the origin by a name, which can stop having an address. */
	readonly byName?: boolean
}

/** An HTTP origin on loopback. */
export class HttpWorld implements World {
	readonly kind = 'http'
	readonly publisher: Publisher
	readonly pace = 250
	/** When each question came, in milliseconds of real time. */
	readonly askedAt: number[] = []
	/** The last condition that came. */
	lastCondition: string | undefined
	readonly #clock: Clock
	readonly #headers: Readonly<Record<string, string>>
	readonly #agent: Agent | undefined
	#listener!: Listener
	#content!: Content
	#behaviour: Behaviour | undefined
	#resolvable = true
	#silent = 0
	#held: Promise<void> | undefined

	private constructor({ publisher, clock, headers = {}, byName = false }: HttpWorldOptions) {
		this.publisher = publisher
		this.#clock = clock
		this.#headers = headers
		this.#agent = byName ? new Agent({ connect: { lookup: this.#lookup } }) : undefined
		this.#show(publisher.newest)
	}

	static async open(scope: Scope, { keepAlive = 0, ...options }: HttpWorldOptions): Promise<HttpWorld> {
		const world = new HttpWorld(options)
		world.#listener = await Listener.open(scope, (request, response) => world.#receive(request, response))
		scope.teardown(() => world.#agent?.destroy())
		// Connections that nobody uses are no leak, so they are not kept for long.
		world.#listener.server.keepAliveTimeout = keepAlive
		return world
	}

	get asked(): number {
		return this.askedAt.length
	}

	get url(): string {
		return `http://${this.#agent === undefined ? '127.0.0.1' : 'origin.test'}:${this.#listener.port}/`
	}

	get silent(): boolean {
		return this.#silent > 0
	}

	createFetcher(): Fetcher {
		return new HttpFetcher({
			url: this.url,
			headersTimeout: 10_000,
			bodyTimeout: 10_000,
			connectTimeout: PATIENT,
			...(this.#agent && { dispatcher: this.#agent }),
		})
	}

	async serve(edition = this.publisher.newest): Promise<void> {
		this.#behaviour = undefined
		this.#resolvable = true
		this.#show(edition)
		await this.#listener.open()
	}

	async misbehave(behaviour: Behaviour): Promise<void> {
		const { publisher } = this
		const { random } = publisher
		this.#behaviour = behaviour
		switch (behaviour.act) {
			case 'refuse':
				await this.#listener.shut()
				break
			case 'unresolvable':
				this.#resolvable = false
				this.#listener.disconnect()
				break
			case 'damage': {
				const edition = publisher.publish()
				this.#content = { ...edition, bytes: damages[behaviour.how](edition.bytes, random) }
				return
			}
			case 'mistake':
				this.#content = {
					bytes: mistakes[behaviour.what](publisher),
					etag: `"mistake-${random.text(8)}"`,
					publishedAt: this.#clock.now(),
				}
				return
			case 'same-tag':
				publisher.publish(this.#content.etag)
				this.#show(publisher.newest, behaviour.answers === '200')
				return
			case 'go-back':
				publisher.goBack()
				this.#show(publisher.newest)
				return
			case 'new-tags':
			case 'not-modified':
				return
			default:
		}
		publisher.publish()
		this.#show(publisher.newest)
	}

	/** Waits for the connections of whoever has hung up; an agent is the harness's own, and hangs up here. */
	async open(): Promise<number> {
		await this.#agent?.destroy()
		await until(() => this.#listener.openSockets === 0)
		return this.#listener.openSockets
	}

	#show({ bytes, etag, publishedAt }: Edition, always = false): void {
		this.#content = { bytes, etag, publishedAt, always }
	}

	/** Lets questions wait from now on, until they are released. */
	hold(): () => void {
		let release = (): void => {}
		this.#held = new Promise(resolve => (release = resolve))
		return () => {
			this.#held = undefined
			release()
		}
	}

	#receive(request: IncomingMessage, response: ServerResponse): void {
		// What others have to say (metrics) is none of our business.
		request.resume()
		if (request.method === 'POST') return void response.writeHead(202).end()
		this.askedAt.push(performance.now())
		this.lastCondition = request.headers['if-none-match']
		if (this.#held === undefined) this.#answer(request, response)
		else void this.#held.then(() => this.#answer(request, response))
	}

	#answer(request: IncomingMessage, response: ServerResponse): void {
		response.setHeader('date', new Date(this.#clock.now()).toUTCString())
		const behaviour = this.#behaviour
		const { bytes, etag, publishedAt, always = false } = this.#content
		switch (behaviour?.act) {
			case 'reset':
				if (behaviour.at === 'head') return void request.socket.resetAndDestroy()
				break
			case 'silence':
				if (behaviour.at === 'head') return this.#fallSilent(response)
				break
			case 'status':
				return void response.writeHead(behaviour.status, behaviour.headers).end(bodyOf(behaviour.status))
			case 'redirect':
				return void response.writeHead(302, locationOf(behaviour.to, this.asked)).end()
			case 'not-modified':
				return void response.writeHead(304, { etag }).end()
			case 'no-tags':
				return this.#send(response, bytes, {}, undefined)
			case 'new-tags':
				return this.#send(response, bytes, { etag: this.publisher.rename().etag }, undefined)
			default:
		}
		const headers = { etag, 'last-modified': new Date(publishedAt).toUTCString() }
		if (!always && request.headers['if-none-match'] === etag)
			return void response.writeHead(304, headers).end()
		this.#send(response, bytes, headers, behaviour)
	}

	#send(
		response: ServerResponse,
		bytes: Buffer,
		headers: Readonly<Record<string, string>>,
		behaviour: Behaviour | undefined,
	): void {
		const half = bytes.subarray(0, bytes.length >> 1)
		const socket = response.socket!
		const announced = { ...this.#headersOf(bytes), ...headers, 'content-length': bytes.length }
		switch (behaviour?.act) {
			case 'reset':
				response.writeHead(200, announced).write(half, () => socket.resetAndDestroy())
				return
			case 'silence':
				response.writeHead(200, announced).write(half, () => this.#fallSilent(response))
				return
			case 'short':
				response.writeHead(200, announced).write(half, () => socket.end())
				return
			case 'long':
			case 'unframed-half': {
				const length = behaviour.act === 'long' ? [`Content-Length: ${bytes.length}`] : []
				const lines = ['HTTP/1.1 200 OK', `ETag: ${headers['etag']}`, ...length]
				const encoding = this.#headers['content-encoding']
				if (encoding !== undefined) lines.push(`Content-Encoding: ${encoding}`)
				socket.write([...lines, '', ''].join('\r\n'))
				socket.end(behaviour.act === 'long' ? Buffer.concat([bytes, Buffer.from('and more')]) : half)
				return
			}
			case 'trickle':
				response.writeHead(200, announced)
				return void trickle(response, bytes)
			default:
				response.writeHead(200, announced).end(bytes)
		}
	}

	/** An error page is not said to be what it stands in for. */
	#headersOf(bytes: Buffer): Readonly<Record<string, string>> {
		return bytes[0] === 0x3c ? { 'content-type': 'text/html' } : this.#headers
	}

	#fallSilent(response: ServerResponse): void {
		this.#silent++
		response.once('close', () => this.#silent--)
	}

	readonly #lookup: LookupFunction = (hostname, options, callback) => {
		if (this.#resolvable) {
			if (options.all === true) callback(null, [{ address: '127.0.0.1', family: 4 }])
			else callback(null, '127.0.0.1', 4)
			return
		}
		const error = Object.assign(new Error(`getaddrinfo ENOTFOUND ${hostname}`), {
			code: 'ENOTFOUND',
			syscall: 'getaddrinfo',
			hostname,
		})
		callback(error, '', 0)
	}
}

const bodyOf = (status: number): string | undefined => (status === 204 ? undefined : 'Something is wrong')

const locationOf = (to: string, asked: number): Readonly<Record<string, string>> =>
	to === 'nowhere' ? {} : { location: to === 'itself' ? '/' : `/elsewhere/${asked}` }

const trickle = async (response: ServerResponse, bytes: Buffer): Promise<void> => {
	for (let at = 0; at < bytes.length; at += 23) {
		response.write(bytes.subarray(at, at + 23))
		await nextTurn()
	}
	response.end()
}
