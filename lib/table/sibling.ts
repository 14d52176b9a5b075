/** A module beside this one, for a thread to run: compiled where this one is, TypeScript where this one is (tsx, Node 22.18 on). */
export const siblingUrl = (name: `./${string}.js`, base: string): URL =>
	new URL(base.endsWith('.ts') ? name.replace(/\.js$/, '.ts') : name, base)
