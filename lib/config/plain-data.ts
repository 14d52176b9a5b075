import type { ErrorIssue } from '../core/errors.ts'

/** What JSON can carry, without sharing and without end. */
export type Plain = string | number | boolean | null | readonly Plain[] | { readonly [member: string]: Plain }

export interface PlainLimits {
	/** How deep arrays and objects may be nested. */
	readonly maxDepth: number
	/** As JSON in UTF-8, roughly: what is counted is never more than that. */
	readonly maxBytes: number
}

export const PLAIN_LIMITS: PlainLimits = Object.freeze({ maxDepth: 64, maxBytes: 256 * 2 ** 10 })

class Returns {
	constructor(value: object) {
		return value
	}
}

/**
 * A private mark on the objects that `plainCopy` made: frozen through and through, and shared with nobody who could
 * write to them. A `WeakSet` would say the same, at the price of most of the garbage collector's time.
 */
class Copied extends Returns {
	readonly #mark = true

	static is(value: object): boolean {
		return #mark in value && value.#mark
	}
}

/** Thrown within a copy that is given up; never leaves this file. */
class Fault extends Error {
	readonly issue: ErrorIssue

	constructor(path: ErrorIssue['path'], message: string) {
		super(message)
		this.issue = { path, message }
	}
}

/**
 * A frozen copy of its own of what JSON can carry, made by looking only at own members of objects and arrays, so that
 * nobody can change it later and no prototype comes with it. Members that are `undefined` are left out, as by JSON. Its
 * depth is bounded, so that none of the recursions that are to follow overflows the stack.
 *
 * @returns the copy, with a count of bytes that its JSON has at least, and has at most 24 times; or the first
 * thing in it that is not plain.
 */
export const plainCopy = <Value>(
	value: Value,
	limits: PlainLimits = PLAIN_LIMITS,
): { readonly copy: Value; readonly bytes: number } | { readonly issue: ErrorIssue } => {
	if (typeof value === 'object' && value !== null && Copied.is(value)) return { copy: value, bytes: Infinity }
	const path: Array<string | number> = []
	let bytes = 0
	const count = (more: number): void => {
		bytes += more
		if (bytes > limits.maxBytes) throw new Fault([], `has more than ${limits.maxBytes} bytes`)
	}
	const copy = (from: unknown): Plain => {
		switch (typeof from) {
			case 'string':
				count(from.length + 2)
				return from
			case 'boolean':
				count(4)
				return from
			case 'number':
				if (!Number.isFinite(from)) throw new Fault([...path], `expected a finite number, got ${from}`)
				count(1)
				// JSON knows no −0.
				return from === 0 ? 0 : from
			case 'object':
				if (from !== null) return copyObject(from)
				count(4)
				return null
			default:
				throw new Fault([...path], `expected what JSON can carry, got a ${typeof from}`)
		}
	}
	/** The root gets its mark before it is frozen, since a frozen object may one day take none. */
	const finished = <Made extends object>(made: Made): Readonly<Made> => {
		if (path.length === 0) new Copied(made)
		return Object.freeze(made)
	}
	const copyObject = (from: object): Plain => {
		if (path.length >= limits.maxDepth) {
			throw new Fault(path.slice(0, 8), `is nested more than ${limits.maxDepth} levels deep`)
		}
		count(2)
		if (Array.isArray(from)) {
			const elements: Plain[] = []
			for (let index = 0; index < from.length; index++) {
				path.push(index)
				elements.push(copy(from[index] ?? null))
				path.pop()
			}
			return finished(elements)
		}
		const prototype: unknown = Object.getPrototypeOf(from)
		// An object of another realm has another `Object.prototype`, but that has no prototype of its own either.
		if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
			throw new Fault([...path], 'expected what JSON can carry, got an object of a class')
		}
		const members: Record<string, Plain> = {}
		for (const [name, member] of Object.entries(from)) {
			if (name === '__proto__') throw new Fault([...path], 'has a member that is called `__proto__`')
			if (member === undefined) continue
			count(name.length + 3)
			path.push(name)
			members[name] = copy(member)
			path.pop()
		}
		return finished(members)
	}
	try {
		const copied = copy(value) as Value
		return { copy: copied, bytes }
	} catch (thrown) {
		if (thrown instanceof Fault) return { issue: thrown.issue }
		throw thrown
	}
}

/** Whether two plain values say the same; the order of members does not matter. */
export const samePlain = (a: unknown, b: unknown): boolean => {
	if (a === b) return true
	if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
	if (Array.isArray(a) || Array.isArray(b)) {
		return (
			Array.isArray(a) &&
			Array.isArray(b) &&
			a.length === b.length &&
			a.every((element, index) => samePlain(element, b[index]))
		)
	}
	const members = Object.entries(a)
	return (
		members.length === Object.keys(b).length &&
		members.every(
			([name, member]) => Object.hasOwn(b, name) && samePlain(member, (b as Record<string, unknown>)[name]),
		)
	)
}
