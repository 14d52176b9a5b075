import test from 'ava'
import { S3Fetcher } from '../../fetchers/s3.ts'
import { conforms } from '../support/conformance.ts'
import { Span } from '../support/lifetime.ts'
import { endpoints } from '../support/s3-endpoints.ts'

const key = 'terms/one.json'

for (const [place, open] of endpoints) {
	for (const copies of [0, 1]) {
		conforms(test.serial, `${place}${copies === 0 ? '' : ', with a failover bucket'}`, {
			async create(content) {
				const span = new Span()
				const [bucket, ...others] = await Promise.all(Array.from({ length: copies + 1 }, () => open(span)))
				const all = [bucket!, ...others]
				const publish = async (bytes: Uint8Array): Promise<void> => {
					for (const one of all) await one.put(key, bytes)
				}
				await publish(content)
				return {
					fetcher: new S3Fetcher({
						...bucket!.options,
						key,
						failoverBuckets: others.map(({ options }) => ({
							bucket: options.bucket,
							endpoint: options.endpoint,
						})),
					}),
					publish,
					async publishBeside(suffix, bytes) {
						for (const one of all) await one.put(key + suffix, bytes)
					},
					async unpublish() {
						for (const one of all) await one.remove(key)
					},
					openBodies: () => all.reduce((sum, one) => sum + (one.openBodies?.() ?? 0), 0),
					dispose: async () => span.end(),
				}
			},
			capabilities: { beside: true },
		})
	}
}
