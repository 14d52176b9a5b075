import { z } from 'zod'
import { funConfig, pushedFunConfig } from './fun-config.ts'
import { pushConfig, serviceConfig } from './push-config.ts'

const input = (schema: z.ZodType): Readonly<Record<string, unknown>> =>
	Object.freeze(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }))

/**
 * The structures as JSON Schema 2020-12, of what may be written: for editors, and for those who push in other
 * languages. What JSON Schema cannot say, such as that `argOrders` names each of `argTypes`, only the receiver checks.
 */
export const jsonSchemas = Object.freeze({
	funConfig: input(funConfig),
	pushConfig: input(pushConfig(pushedFunConfig)),
	serviceConfig: input(serviceConfig),
})
