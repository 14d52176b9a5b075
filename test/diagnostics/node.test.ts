import * as node from '../../lib/diagnostics/node.ts'
import { diagnosticsSuite } from './channels-suite.ts'

diagnosticsSuite('node', node, { heard: true })
