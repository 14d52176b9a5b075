import ts from 'typescript'

/** One mention of another module. `type` ones leave no trace in the JavaScript. */
export interface Import {
	/** `undefined` where it is computed, so that nobody can say what it loads. */
	readonly specifier: string | undefined
	readonly kind: 'static' | 'dynamic' | 'type'
	readonly line: number
}

/** Every import, re-export, `import()`, `require()` and `import('…')` type in a TypeScript file. */
export const importsOf = (path: string, text: string): Import[] => {
	const source = ts.createSourceFile(path, text, ts.ScriptTarget.ESNext, true)
	const found: Import[] = []
	const add = (node: ts.Node, specifier: ts.Node | undefined, kind: Import['kind']): void => {
		found.push({
			specifier: specifier && ts.isStringLiteralLike(specifier) ? specifier.text : undefined,
			kind,
			line: source.getLineAndCharacterOfPosition(node.getStart()).line + 1,
		})
	}
	const visit = (node: ts.Node): void => {
		if (ts.isImportDeclaration(node))
			add(
				node,
				node.moduleSpecifier,
				node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword ? 'type' : 'static',
			)
		else if (ts.isExportDeclaration(node) && node.moduleSpecifier)
			add(node, node.moduleSpecifier, node.isTypeOnly ? 'type' : 'static')
		else if (ts.isImportTypeNode(node))
			add(node, ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined, 'type')
		else if (ts.isExternalModuleReference(node)) add(node, node.expression, 'static')
		else if (ts.isCallExpression(node) && loads(node.expression)) add(node, node.arguments[0], 'dynamic')
		ts.forEachChild(node, visit)
	}
	visit(source)
	return found
}

const loads = (callee: ts.Expression): boolean =>
	callee.kind === ts.SyntaxKind.ImportKeyword || (ts.isIdentifier(callee) && callee.text === 'require')
