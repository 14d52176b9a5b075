import type { ConfigItem, ServiceRecord } from '../../config/config-db.ts'
import type { ServiceConfig } from '../../config/push-config.ts'
import { schemaRef, type Answer, type ServiceAnswer } from '../answers.ts'
import type { AuditEntry } from '../audit.ts'
import type { Desk } from '../desk.ts'
import { Refusal, refusalOf } from '../problem.ts'
import { answer, type Call, type Route } from '../route.ts'
import { isFor } from '../tokens.ts'
import { flag, flagFrom, nameFrom, serviceParameter, textFrom, versionText } from './parameters.ts'

/** Pushing, looking at and deleting services. */
export const serviceRoutes = <Item extends ConfigItem>(desk: Desk<Item>): readonly Route[] => {
	const { db, receiver, metrics } = desk

	const push = async (call: Call): Promise<Response> => {
		const service = nameFrom(call.params, 'service')
		const forced = flagFrom(call.query, 'force')
		const entry = (outcome: string, more: Partial<AuditEntry>): void =>
			desk.record(call, { action: 'push', service, outcome, ...(forced && { forced }), ...more })
		try {
			const config = await configOf(call, service)
			const outcome = await receiver.push(config, { force: forced })
			metrics.pushed(outcome.status)
			entry(outcome.status, { configVersion: outcome.configVersion, revision: outcome.revision })
			const isNew = outcome.status === 'accepted' && outcome.previousVersion === undefined
			return answer(outcome satisfies Answer<'PushOutcome'>, isNew ? 201 : 200)
		} catch (thrown) {
			metrics.pushed('refused')
			entry('refused', { code: refusalOf(thrown).code })
			throw thrown
		}
	}

	/** What cannot be read never comes to the receiver, and is on record all the same. */
	const configOf = async (call: Call, service: string): Promise<unknown> => {
		try {
			return ofService(await call.body(), service)
		} catch (thrown) {
			const { code, message } = refusalOf(thrown)
			receiver.failures.record({ service, source: 'push', reasons: [`${code}: ${message}`] })
			throw thrown
		}
	}

	const remove = async (call: Call): Promise<Response> => {
		const service = nameFrom(call.params, 'service')
		const { status, removed } = await receiver.deletePushedService(service)
		if (status === 'not_found') throw unknown(service)
		desk.record(call, { action: 'delete', service, outcome: 'deleted' })
		return answer({ status: 'deleted', service, removed } satisfies Answer<'Deleted'>)
	}

	const summary = (record: ServiceRecord<ServiceConfig>): ServiceAnswer =>
		summaryOf(record, db.items(record.service).length)

	const one = { service: serviceParameter }
	return [
		{
			method: 'GET',
			path: '/v1/services',
			scopes: ['read'],
			operation: {
				id: 'listServices',
				summary: 'All services',
				answers: { 200: { description: 'By name', schema: schemaRef('Services') } },
			},
			handle: ({ identity }) =>
				answer({
					services: Object.fromEntries(
						db
							.services()
							.filter(({ service }) => isFor(identity, service))
							.map(record => [record.service, summary(record)]),
					),
				} satisfies Answer<'Services'>),
		},
		{
			method: 'GET',
			path: '/v1/services/{service}',
			scopes: ['read'],
			operation: {
				id: 'getService',
				summary: 'One service, without its items',
				parameters: one,
				answers: { 200: { description: 'The service', schema: schemaRef('Service') } },
				problems: [404],
			},
			handle: ({ params }) => {
				const service = nameFrom(params, 'service')
				const record = db.service(service)
				if (record === undefined) throw unknown(service)
				return answer(summary(record))
			},
		},
		{
			method: 'PUT',
			path: '/v1/services/{service}',
			scopes: ['push'],
			operation: {
				id: 'pushService',
				summary: 'Replace the configuration of a service',
				description:
					'All of it, or nothing: whatever is wrong with one item is an answer of 422, and nothing has changed. An answer of 200 or 201 is given when the configuration is durably stored. The same version again is skipped, a lower one refused, unless it is forced.',
				parameters: { ...one, force: flag('Store it whatever version is there') },
				body: schemaRef('PushConfig'),
				answers: {
					200: { description: 'Stored, or skipped', schema: schemaRef('PushOutcome') },
					201: { description: 'Stored; the service was not known', schema: schemaRef('PushOutcome') },
				},
				problems: [409],
			},
			handle: push,
		},
		{
			method: 'DELETE',
			path: '/v1/services/{service}',
			scopes: ['admin'],
			operation: {
				id: 'deleteService',
				summary: 'Forget a service: its items, what an operator has disabled of them, and its pulls',
				parameters: one,
				answers: { 200: { description: 'It is gone', schema: schemaRef('Deleted') } },
				problems: [404, 409],
			},
			handle: remove,
		},
		{
			method: 'GET',
			path: '/v1/services/{service}/verify',
			scopes: ['push', 'read'],
			operation: {
				id: 'verifyService',
				summary: 'Whether the gateway has this version of a service',
				parameters: {
					...one,
					version: {
						in: 'query',
						description: 'The version that is expected',
						schema: versionText,
						required: true,
					},
				},
				answers: {
					200: { description: 'It has this one, or another', schema: schemaRef('Verification') },
					404: { description: 'It does not know the service', schema: schemaRef('Unverified') },
				},
			},
			handle: ({ params, query }) => {
				const service = nameFrom(params, 'service')
				const version = textFrom(query, 'version')
				if (version === undefined)
					throw new Refusal(400, 'BAD_REQUEST', 'Expected the query parameter version')
				const found = receiver.verify(service, version)
				return answer(found, found.status === 'not_found' ? 404 : 200)
			},
		},
	]
}

export const summaryOf = (record: ServiceRecord<ServiceConfig>, items: number): ServiceAnswer => {
	const { service, configVersion, revision, source, committedAt, nodes, pull } = record
	return {
		...{ service, configVersion, revision, source, committedAt },
		...{ nodes: [...nodes], items, pulled: pull !== undefined },
	}
}

export const unknown = (service: string): Refusal =>
	new Refusal(404, 'NOT_FOUND', `There is no service ${service}`)

/** The body's service must be the path's; a body that names none means the path's, and gets it: it is nobody else's. */
const ofService = (body: unknown, service: string): unknown => {
	if (typeof body !== 'object' || body === null || Array.isArray(body)) return body
	const named = (body as { readonly service?: unknown }).service
	if (named === undefined) return Object.assign(body, { service })
	if (named === service) return body
	const message = `expected ${JSON.stringify(service)}, as in the path`
	throw new Refusal(
		422,
		'VALIDATION_FAILED',
		`The body is of another service than the path: /service: ${message}`,
		{
			issues: [{ path: ['service'], message }],
		},
	)
}
