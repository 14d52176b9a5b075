import * as none from '../../lib/diagnostics/none.ts'
import { diagnosticsSuite } from './channels-suite.ts'

diagnosticsSuite('none', none, { heard: false })
