import type { ConfigItem } from '../../config/config-db.ts'
import type { FailureQuery } from '../../config/receive/failures.ts'
import { schemaRef, type Answer } from '../answers.ts'
import type { Desk } from '../desk.ts'
import { PAGE_HEADERS, pageOf } from '../page/page.ts'
import { Refusal } from '../problem.ts'
import { answer, type JsonSchema, type Route } from '../route.ts'
import { isFor, type Identity } from '../tokens.ts'
import { choiceFrom, countFrom, flag, flagFrom, nameFrom, serviceParameter, textFrom } from './parameters.ts'
import { summaryOf } from './services.ts'

const SHOWN_FAILURES = 20
const MAX_FAILURES = 1_000

/** How the gateway is doing, and what an operator can do about it. */
export const operationRoutes = <Item extends ConfigItem>(
	desk: Desk<Item>,
	document: () => JsonSchema,
): readonly Route[] => {
	const { db } = desk
	const page = pageOf({ anonymous: desk.anonymous })

	/** A token for some services hears of no others. */
	const failuresFor = (
		identity: Identity | undefined,
		{ limit, ...filter }: FailureQuery & { readonly limit: number },
	): Answer<'Failures'> => {
		const { failures, total } = desk.failures({
			...filter,
			limit: identity?.services === undefined ? limit : Infinity,
		})
		if (identity?.services === undefined) return { failures, total }
		const theirs = failures.filter(({ service }) => isFor(identity, service))
		return { failures: theirs.slice(0, limit), total: theirs.length }
	}

	return [
		{
			method: 'GET',
			path: '/v1/pulls',
			scopes: ['read'],
			operation: {
				id: 'listPulls',
				summary: 'The services that the gateway pulls, and how that goes',
				answers: { 200: { description: 'The pulls', schema: schemaRef('Pulls') } },
			},
			handle: ({ identity }) =>
				answer({
					pulls: desk.pulls().filter(({ service }) => isFor(identity, service)),
				} satisfies Answer<'Pulls'>),
		},
		{
			method: 'POST',
			path: '/v1/pulls/{service}',
			scopes: ['admin'],
			operation: {
				id: 'pullService',
				summary: 'Pull a service now',
				parameters: {
					service: serviceParameter,
					force: flag('Fetch it even if its version has not changed'),
				},
				answers: { 200: { description: 'How it went', schema: schemaRef('PullOutcome') } },
				problems: [404],
			},
			handle: async call => {
				const service = nameFrom(call.params, 'service')
				const outcome = await desk.pull(service, flagFrom(call.query, 'force'))
				if (outcome === undefined)
					throw new Refusal(404, 'NOT_FOUND', `There is no service ${service} that is pulled`)
				desk.record(call, { action: 'pull', service, outcome: outcome.status, code: outcome.error?.code })
				return answer(outcome)
			},
		},
		{
			method: 'GET',
			path: '/v1/failures',
			scopes: ['read'],
			operation: {
				id: 'listFailures',
				summary: 'What was refused lately, and why; kept for a day',
				parameters: {
					service: { in: 'query', description: 'Of this service only', schema: { type: 'string' } },
					source: {
						in: 'query',
						description: 'By pushes or by pulls only',
						schema: { type: 'string', enum: ['push', 'pull'] },
					},
					order: {
						in: 'query',
						description: 'Default: newestFirst',
						schema: { type: 'string', enum: ['newestFirst', 'oldestFirst'] },
					},
					limit: {
						in: 'query',
						description: 'How many at most',
						schema: { type: 'integer', minimum: 1, maximum: MAX_FAILURES, default: 100 },
					},
				},
				answers: { 200: { description: 'The records', schema: schemaRef('Failures') } },
			},
			handle: ({ query, identity }) =>
				answer(
					failuresFor(identity, {
						service: textFrom(query, 'service'),
						source: choiceFrom(query, 'source', ['push', 'pull']),
						order: choiceFrom(query, 'order', ['newestFirst', 'oldestFirst']),
						limit: countFrom(query, 'limit', 100, MAX_FAILURES),
					}),
				),
		},
		{
			method: 'GET',
			path: '/v1/status',
			scopes: ['read'],
			operation: {
				id: 'getStatus',
				summary: 'The gateway, its services, its pulls and the latest failures',
				answers: { 200: { description: 'The status', schema: schemaRef('Status') } },
			},
			handle: ({ identity }) =>
				answer({
					gateway: desk.gateway(),
					services: db
						.services()
						.filter(({ service }) => isFor(identity, service))
						.map(record => summaryOf(record, db.items(record.service).length)),
					pulls: desk.pulls().filter(({ service }) => isFor(identity, service)),
					failures: failuresFor(identity, { limit: SHOWN_FAILURES }).failures,
					...(desk.streaming !== undefined && { stream: desk.streaming.status }),
				} satisfies Answer<'Status'>),
		},
		{
			method: 'GET',
			path: '/healthz',
			scopes: [],
			operation: {
				id: 'isAlive',
				summary: 'Whether the process is alive: restart it where this does not answer',
				answers: { 200: { description: 'It is', schema: schemaRef('Health') } },
			},
			handle: () => answer({ status: 'ok' } satisfies Answer<'Health'>),
		},
		{
			method: 'GET',
			path: '/readyz',
			scopes: [],
			operation: {
				id: 'isReady',
				summary: 'Whether to send requests here',
				answers: {
					200: { description: 'Yes', schema: schemaRef('Readiness') },
					503: { description: 'Not yet, or no longer', schema: schemaRef('Readiness') },
				},
			},
			handle: () => {
				const readiness = desk.readiness()
				return answer(readiness, readiness.status === 'ready' ? 200 : 503)
			},
		},
		{
			method: 'GET',
			path: '/metrics',
			scopes: ['read'],
			operation: {
				id: 'getMetrics',
				summary: 'Metrics for Prometheus',
				answers: {
					200: {
						description: 'The text exposition format, 0.0.4',
						type: 'text/plain',
						schema: { type: 'string' },
					},
				},
			},
			handle: () =>
				new Response(desk.metricsText(), {
					headers: { 'content-type': desk.metrics.contentType, 'cache-control': 'no-store' },
				}),
		},
		{
			method: 'GET',
			path: '/openapi.json',
			scopes: ['push', 'read'],
			operation: {
				id: 'getOpenApi',
				summary: 'This document',
				answers: { 200: { description: 'OpenAPI 3.1', schema: { type: 'object' } } },
			},
			handle: () => answer(document()),
		},
		{
			method: 'GET',
			path: '/',
			scopes: [],
			operation: {
				id: 'getPage',
				summary: 'A page that shows the status to whoever has a token',
				answers: {
					200: { description: 'The page', type: 'text/html', schema: { type: 'string' } },
				},
			},
			handle: () => new Response(page, { headers: PAGE_HEADERS }),
		},
	]
}
