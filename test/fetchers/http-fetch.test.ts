import { createFetchClient } from '../../fetchers/http-request/fetch.ts'
import { creator, httpSuite } from './http-suite.ts'

const { abilities } = createFetchClient(fetch)

httpSuite('fetch', abilities, creator({ fetch }))
