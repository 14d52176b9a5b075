import { createHash, createHmac } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

export interface Credentials {
	readonly accessKeyId: string
	readonly secretAccessKey: string
	readonly sessionToken?: string
}

/** The `Code` with which S3 refuses, `undefined` for a request that is well signed. */
export type Refusal =
	'AccessDenied' | 'AuthorizationHeaderMalformed' | 'InvalidAccessKeyId' | 'SignatureDoesNotMatch'

const AUTHORIZATION =
	/^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/

const sha256 = (data: string): string => createHash('sha256').update(data).digest('hex')
const hmac = (key: string | Buffer, data: string): Buffer => createHmac('sha256', key).update(data).digest()

/** Checks a request as S3 does: AWS Signature Version 4, in the header. */
export const checkSignature = (request: IncomingMessage, credentials: Credentials): Refusal | undefined => {
	const { authorization } = request.headers
	if (authorization === undefined) return 'AccessDenied'
	const parts = AUTHORIZATION.exec(authorization)
	if (parts === null) return 'AuthorizationHeaderMalformed'
	const [, accessKeyId, date, region, signedHeaders, signature] = parts as unknown as string[]
	if (accessKeyId !== credentials.accessKeyId) return 'InvalidAccessKeyId'
	if (credentials.sessionToken !== request.headers['x-amz-security-token']) return 'InvalidAccessKeyId'
	const url = new URL(request.url!, 'http://localhost')
	const query = [...url.searchParams]
		.map(([name, value]) => `${strict(name)}=${strict(value)}`)
		.sort()
		.join('&')
	const headers = signedHeaders!
		.split(';')
		.map(name => `${name}:${String(request.headers[name]).trim().replace(/ +/g, ' ')}\n`)
		.join('')
	const canonical = [
		request.method,
		url.pathname,
		query,
		headers,
		signedHeaders,
		request.headers['x-amz-content-sha256'],
	].join('\n')
	const scope = `${date}/${region}/s3/aws4_request`
	const toSign = ['AWS4-HMAC-SHA256', request.headers['x-amz-date'], scope, sha256(canonical)].join('\n')
	const key = [date!, region!, 's3', 'aws4_request'].reduce<string | Buffer>(
		hmac,
		`AWS4${credentials.secretAccessKey}`,
	)
	return hmac(key, toSign).toString('hex') === signature ? undefined : 'SignatureDoesNotMatch'
}

/** Percent-encoding as the signature demands it: everything but the unreserved characters of RFC 3986. */
const strict = (text: string): string =>
	encodeURIComponent(text).replace(
		/[!'()*]/g,
		character => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
	)
