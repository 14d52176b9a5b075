import { messageOf, RemoteTermError } from '../core/errors.ts'

export type Api = typeof import('@opentelemetry/api')

/** The API is an optional peer: its absence is a wrong installation, to be told in words that help. */
export const loadApi = async (): Promise<Api> => {
	try {
		return await import('@opentelemetry/api')
	} catch (error) {
		throw new RemoteTermError(
			'INVALID_OPTION',
			`instrument() needs OpenTelemetry's API, which cannot be loaded: npm install @opentelemetry/api (${messageOf(error)})`,
			{ cause: error },
		)
	}
}
