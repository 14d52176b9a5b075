import type { ConfigItem } from '../../config/config-db.ts'
import type { Route } from '../route.ts'
import type { Streaming } from '../stream/streaming.ts'

/** The stream of everything that a token may read. */
export const streamRoutes = <Item extends ConfigItem>(
	streaming: Streaming<Item> | undefined,
): readonly Route[] =>
	streaming === undefined
		? []
		: [
				{
					method: 'GET',
					path: '/relay_auto_config',
					scopes: ['read'],
					bareToken: true,
					operation: {
						id: 'followStream',
						summary: 'All items as server-sent events, and each change of them',
						description:
							'A `put` of everything, or what was missed since `Last-Event-ID`; then a `patch` or a `delete` for each change. `Authorization` may be the token itself.',
						parameters: {
							rpacProtocolVersion: {
								in: 'query',
								description: 'What clients of auto-configuration streams send; makes no difference',
								schema: { type: 'string' },
							},
						},
						answers: {
							200: {
								description: 'The stream',
								type: 'text/event-stream',
								schema: { type: 'string' },
							},
						},
					},
					handle: ({ request, identity, isAllowed, abort }) =>
						streaming.publisher.handle(request, {
							view: streaming.viewOf(identity),
							...{ isAllowed, abort },
						}),
				},
			]
