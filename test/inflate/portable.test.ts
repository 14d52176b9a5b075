import { inflate, supportedEncodings } from '../../lib/inflate/portable.ts'
import { inflateSuite } from './suite.ts'

inflateSuite({ inflate, supportedEncodings })
