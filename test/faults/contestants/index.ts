import { byHand } from './by-hand.ts'
import type { Entrant } from './contestant.ts'
import { remoteTerm } from './remote-term.ts'
import { unleash } from './unleash.ts'

export const entrants: readonly Entrant[] = [remoteTerm, byHand, unleash]
