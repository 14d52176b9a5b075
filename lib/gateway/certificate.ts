import { createSecureContext } from 'node:tls'
import type { Clock } from '../core/clock.ts'
import { messageOf, RemoteTermError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { invalid, onlyKnownOptions } from '../core/options.ts'
import { SourceWatch, type Source } from './source-watch.ts'

/** What a server proves by that it is whom it is taken for. */
export interface Certificate {
	/** PEM: the certificate, and behind it those between it and one that clients know. */
	readonly cert: string
	/** PEM: its private key. */
	readonly key: string
}

/** A certificate, or where to ask for it: at the start, every few seconds, and by `reloadCertificate`. */
export type CertificateSource = Source<Certificate>

/**
 * Keeps a server in step with where its certificate comes from. One that cannot be used, as when only one of two files has
 * been replaced yet, changes nothing. Connections that are open keep the one that they began with.
 */
export class CertificateWatch {
	readonly #watch: SourceWatch<Certificate>
	/** Gets each certificate that is another. */
	onChange = (_certificate: Certificate): void => {}
	#current: Certificate | undefined

	constructor(source: CertificateSource, interval: number, clock: Clock, logger: Logger) {
		this.#watch = new SourceWatch<Certificate>({
			...{ source, interval, clock, logger },
			apply: certificate => this.#apply(certificate),
			words: {
				asked: 'the certificate',
				kept: 'The certificate stays as it was',
				again: 'The certificate can be read again',
			},
		})
	}

	/** @throws `INVALID_OPTION` for what is no certificate with its key, and what the source fails with. */
	start(): Promise<void> {
		return this.#watch.start()
	}

	/** Asks the source now. Never rejects. */
	reload(): Promise<void> {
		return this.#watch.reload()
	}

	stop(): void {
		this.#watch.stop()
	}

	#apply(certificate: Certificate): void {
		const { cert, key } = checked(certificate)
		if (cert === this.#current?.cert && key === this.#current.key) return
		this.onChange({ cert, key })
		this.#current = { cert, key }
	}
}

/** Nothing of a key is quoted. */
const checked = (certificate: Certificate): Certificate => {
	if (typeof certificate !== 'object' || certificate === null)
		throw invalid('tls', 'an object of `cert` and `key`, or a function that returns one', certificate)
	onlyKnownOptions('tls', certificate, ['cert', 'key'])
	const { cert, key } = certificate
	for (const [name, pem] of Object.entries({ cert, key }))
		if (typeof pem !== 'string' || !pem.includes('-----BEGIN '))
			throw new RemoteTermError('INVALID_OPTION', `Expected \`tls.${name}\` to be PEM, got something else`)
	try {
		createSecureContext({ cert, key })
	} catch (cause) {
		throw new RemoteTermError(
			'INVALID_OPTION',
			`Expected \`tls\` to be a certificate with its private key: ${messageOf(cause)}`,
			{ cause },
		)
	}
	return certificate
}
