import { createHttpClient } from '../../fetchers/http-request/undici.ts'
import { creator, httpSuite } from './http-suite.ts'

const { abilities } = createHttpClient({ connectTimeout: 1000 })

httpSuite('undici', abilities, creator({}))
