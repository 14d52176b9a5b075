import { json } from '../codecs/json.ts'
import { invalid, onlyKnownOptions } from '../core/options.ts'
import { KNOWN_OPTIONS, type RemoteTermOptions } from './options.ts'
import { RemoteTerm } from './remote-term.ts'

export interface CreateTermOptions<T> extends RemoteTermOptions<T> {
	/** How bytes become a value: a codec, or a function of your own. Default: `json`. */
	readonly deserialize?: ((data: Uint8Array) => T | Promise<T>) | undefined
	/** Throw to refuse a value that `schema` has let through. */
	readonly validate?: ((term: T) => void | Promise<void>) | undefined
	/** Called once, before the first fetch. */
	readonly setup?: (() => void | Promise<void>) | undefined
}

/**
 * A term without a subclass.
 *
 * ```ts
 * const rates = createTerm({ fetcher: new HttpFetcher({ url }), schema: z.record(z.string(), z.number()) })
 * ```
 *
 * @throws `INVALID_OPTION`
 */
export const createTerm = <T = unknown>(options: CreateTermOptions<T>): RemoteTerm<T> => {
	if (typeof options !== 'object' || options === null) throw invalid('options', 'an object', options)
	onlyKnownOptions('createTerm', options, [...KNOWN_OPTIONS, 'deserialize', 'validate', 'setup'])
	const { deserialize, validate, setup, ...rest } = options
	return new CreatedTerm(rest, { deserialize: deserialize ?? json<T>, validate, setup })
}

type Hooks<T> = Pick<CreateTermOptions<T>, 'validate' | 'setup'> &
	Required<Pick<CreateTermOptions<T>, 'deserialize'>>

class CreatedTerm<T> extends RemoteTerm<T> {
	readonly #hooks: Hooks<T>

	constructor(options: RemoteTermOptions<T>, hooks: Hooks<T>) {
		super({ name: 'term', ...options })
		this.#hooks = hooks
	}

	protected override setup(): void | Promise<void> {
		return this.#hooks.setup?.()
	}

	protected override deserialize(data: Uint8Array): T | Promise<T> {
		return this.#hooks.deserialize(data)
	}

	protected override validate(term: T): void | Promise<void> {
		return this.#hooks.validate?.(term)
	}
}
