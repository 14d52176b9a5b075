import type { LookupFunction } from 'node:net'
import type { Agent } from 'undici'
import type { Fetcher } from '../../core/fetcher.ts'
import { redactUrl } from '../../core/redact.ts'
import type { OriginPolicy } from '../pull/origin-policy.ts'
import type { PullerSettings } from '../pull/puller-options.ts'
import type { ServiceConfig } from '../push-config.ts'
import { LateFetcher, type PullNode } from '../pull/pull-nodes.ts'

export interface HttpNodesOptions {
	readonly connectTimeout: number
	readonly connections: number
	readonly lookup?: LookupFunction | undefined
}

const MAX_REDIRECTS = 3

/**
 * Nodes that are URLs: one conditional GET each, through an agent that connects to allowed origins at allowed addresses
 * only. No credentials are sent; who needs some registers a fetcher of their own. One agent serves all services.
 */
export class HttpNodes {
	readonly #policy: OriginPolicy
	readonly #options: HttpNodesOptions
	#agent: Promise<Agent> | undefined

	constructor(policy: OriginPolicy, options: HttpNodesOptions) {
		this.#policy = policy
		this.#options = options
	}

	/** One of the service's nodes. The URLs are those that the policy has approved of. */
	node(service: ServiceConfig, url: URL, versionUrl: URL | undefined, timeout: number): PullNode {
		const document = withArgs(url, service.args)
		const version = versionUrl && withArgs(versionUrl, service.versionArgs)
		return {
			label: shortened(redactUrl(document)),
			document: new LateFetcher(() => this.#fetcher(document, timeout)),
			version: version && new LateFetcher(() => this.#fetcher(version, timeout, { acceptEncoding: [] })),
		}
	}

	async close(): Promise<void> {
		const agent = await this.#agent?.catch(() => undefined)
		this.#agent = undefined
		await agent?.destroy()
	}

	async #fetcher(
		url: URL,
		timeout: number,
		extras: { readonly acceptEncoding?: readonly [] } = {},
	): Promise<Fetcher> {
		// Loaded where it is used: who pulls by named fetchers only needs none of it.
		const { HttpFetcher } = await import('../../../fetchers/http.ts')
		this.#agent ??= this.#createAgent()
		return new HttpFetcher({
			...extras,
			url,
			dispatcher: await this.#agent,
			headersTimeout: timeout,
			bodyTimeout: timeout,
			maxRedirects: MAX_REDIRECTS,
			allowRedirectTo: to => this.#policy.allows(to),
		})
	}

	async #createAgent(): Promise<Agent> {
		const { createGuardedAgent } = await import('./guarded-agent.ts')
		return createGuardedAgent(this.#policy, this.#options)
	}
}

/** A service's nodes in their order. @throws `ORIGIN_REFUSED` */
export const nodesOf = (
	service: ServiceConfig,
	timeout: number,
	{ fetchers, policy }: Pick<PullerSettings, 'fetchers' | 'policy'>,
	http: HttpNodes,
): PullNode[] =>
	policy.placesOf(service).map((place): PullNode => {
		if (place.kind === 'url') return http.node(service, place.url, place.versionUrl, timeout)
		const { name } = place
		const make = async (): Promise<Fetcher> => fetchers.get(name)!(service)
		return { label: name, document: new LateFetcher(make), version: undefined }
	})

/** In a status, and in the error that tells of all nodes. */
const LONGEST_LABEL = 256
const shortened = (label: string): string =>
	label.length > LONGEST_LABEL ? `${label.slice(0, LONGEST_LABEL)}…` : label

const withArgs = (url: URL, args: Readonly<Record<string, string>> | undefined): URL => {
	const whole = new URL(url)
	for (const [name, value] of Object.entries(args ?? {})) whole.searchParams.set(name, value)
	return whole
}
