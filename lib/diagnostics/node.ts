import diagnosticsChannel from 'node:diagnostics_channel'
import type { Diagnostics } from './channels.ts'

export const channel = diagnosticsChannel.channel as unknown as Diagnostics['channel']
export const tracingChannel = diagnosticsChannel.tracingChannel as unknown as Diagnostics['tracingChannel']
