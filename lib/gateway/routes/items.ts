import type { ConfigItem } from '../../config/config-db.ts'
import { schemaRef, type Answer } from '../answers.ts'
import type { Desk } from '../desk.ts'
import { Refusal } from '../problem.ts'
import { answer, type Call, type Route } from '../route.ts'
import { nameFrom, requestTypeParameter, serviceParameter, textFrom, versionText } from './parameters.ts'
import { unknown } from './services.ts'

/** Reading items, and an operator's flag on them. */
export const itemRoutes = <Item extends ConfigItem>(desk: Desk<Item>): readonly Route[] => {
	const { db } = desk

	const setDisabled = async (call: Call, disabled: boolean): Promise<Response> => {
		const service = nameFrom(call.params, 'service')
		const requestType = nameFrom(call.params, 'requestType')
		const version = call.params['version'] ?? ''
		const status = await db.setDisabled(service, { requestType, version }, disabled)
		if (status === 'not_found') throw noItem(service, requestType, version)
		const action = disabled ? 'disable' : 'enable'
		desk.record(call, { action, service, outcome: status, requestType, version })
		return answer({ status } satisfies Answer<'Flagged'>)
	}

	const ofItem = { service: serviceParameter, requestType: requestTypeParameter }
	const ofVersion = {
		...ofItem,
		version: { in: 'path', description: 'The version of the item', schema: versionText },
	} as const
	const flagged = { 200: { description: 'As wished', schema: schemaRef('Flagged') } }
	return [
		{
			method: 'GET',
			path: '/v1/services/{service}/items',
			scopes: ['read'],
			operation: {
				id: 'listItems',
				summary: 'All items of a service, in all their versions',
				parameters: { service: serviceParameter },
				answers: { 200: { description: 'The items', schema: schemaRef('Items') } },
				problems: [404],
			},
			handle: ({ params }) => {
				const service = nameFrom(params, 'service')
				if (db.service(service) === undefined) throw unknown(service)
				return answer({ items: db.items(service) })
			},
		},
		{
			method: 'GET',
			path: '/v1/services/{service}/items/{requestType}',
			scopes: ['read'],
			operation: {
				id: 'getItem',
				summary: 'One item: this version, or the highest that is enabled',
				parameters: {
					...ofItem,
					version: { in: 'query', description: 'Default: the highest', schema: versionText },
				},
				answers: { 200: { description: 'The item', schema: schemaRef('Item') } },
				problems: [404],
			},
			handle: ({ params, query }) => {
				const service = nameFrom(params, 'service')
				const requestType = nameFrom(params, 'requestType')
				const version = textFrom(query, 'version')
				const found =
					version === undefined ? db.getLatest(service, requestType) : db.get(service, requestType, version)
				if (found.status === 'found') return answer(found.item)
				throw found.status === 'disabled'
					? new Refusal(404, 'DISABLED', `${requestType} of ${service} is disabled`)
					: noItem(service, requestType, version)
			},
		},
		{
			method: 'PUT',
			path: '/v1/services/{service}/items/{requestType}/{version}/disabled',
			scopes: ['admin'],
			operation: {
				id: 'disableItem',
				summary: 'Have reads pass over this version, whatever is pushed later',
				parameters: ofVersion,
				answers: flagged,
				problems: [404, 409],
			},
			handle: call => setDisabled(call, true),
		},
		{
			method: 'DELETE',
			path: '/v1/services/{service}/items/{requestType}/{version}/disabled',
			scopes: ['admin'],
			operation: {
				id: 'enableItem',
				summary: 'Undo that',
				parameters: ofVersion,
				answers: flagged,
				problems: [404, 409],
			},
			handle: call => setDisabled(call, false),
		},
	]
}

const noItem = (service: string, requestType: string, version: string | undefined): Refusal =>
	new Refusal(
		404,
		'NOT_FOUND',
		`There is no ${requestType}${version === undefined ? '' : ` of version ${version.slice(0, 64)}`} in ${service}`,
	)
