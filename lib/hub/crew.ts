import { invalid } from '../core/options.ts'
import { directiveKey, type Directive } from './directive.ts'
import type { Directives } from './directives.ts'
import type { FleetServices, FleetTerm } from './fleet-term.ts'
import { LocalServices } from './local-services.ts'
import { LocalTerm, type LocalTermSettings } from './local-term.ts'
import { DIRECTIVE_KINDS, rowKey, type RunState } from './rows.ts'

type CrewSettings = Omit<LocalTermSettings, 'publish'>

export interface CrewContext {
	readonly directives: Pick<Directives, 'get'>
	readonly publish: (key: string, state: RunState | undefined, isNews: boolean) => void
}

/** What this node runs. */
export class Crew {
	readonly #settings: CrewSettings
	readonly #context: CrewContext
	readonly #terms = new Map<string, LocalTerm>()
	readonly #services = new Set<LocalServices>()

	constructor(settings: CrewSettings, context: CrewContext) {
		this.#settings = settings
		this.#context = context
	}

	get(term: string): FleetTerm | undefined {
		return this.#terms.get(term)?.term
	}

	/** @throws `INVALID_OPTION` for a term of a name that is there already. */
	attach(term: FleetTerm): void {
		const { directives, publish } = this.#context
		const { name } = term
		if (typeof name !== 'string' || name === '' || name.length > 256)
			throw invalid('term.name', 'a string of 1 to 256 characters', name)
		if (this.#terms.has(name)) throw invalid('term', 'one of a name that is not attached', name)
		const key = rowKey('term', name)
		const local = new LocalTerm(term, {
			...this.#settings,
			publish: (state, isNews) => publish(key, state, isNews),
		})
		this.#terms.set(name, local)
		for (const kind of DIRECTIVE_KINDS) {
			const directive = directives.get(directiveKey({ kind, term: name }))
			if (directive !== undefined) local.obey(directive)
		}
	}

	/** Whether it was there. */
	detach(name: string): boolean {
		const local = this.#terms.get(name)
		if (local === undefined) return false
		local.close()
		this.#terms.delete(name)
		this.#context.publish(rowKey('term', name), undefined, true)
		return true
	}

	attachServices(services: FleetServices): Disposable {
		const local = new LocalServices(services, (service, state) =>
			this.#context.publish(rowKey('service', service), state, true),
		)
		this.#services.add(local)
		return {
			[Symbol.dispose]: () => {
				if (this.#services.delete(local)) local.close()
			},
		}
	}

	obey(directive: Directive): void {
		this.#terms.get(directive.term)?.obey(directive)
	}

	/** Ages change without an event. */
	publish(): void {
		for (const [name, local] of this.#terms) {
			try {
				local.publish()
			} catch (error) {
				this.#settings.logger.error(`${name} could not say how it is`, { error })
			}
		}
	}

	close(): void {
		for (const local of this.#terms.values()) local.close()
		for (const local of this.#services) local.close()
		this.#terms.clear()
		this.#services.clear()
	}
}
