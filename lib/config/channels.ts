import { channel } from '#diagnostics'
import type { RemoteTermError } from '../core/errors.ts'
import type { ConfigChange, ItemRef } from './config-db.ts'

/** How a push went: what `remote-term:config.push`, `….push.skipped` and `….push.rejected` publish. */
export interface PushMessage {
	/** Of a rejected push, what it called itself, where that is a name at all. */
	readonly service: string | undefined
	readonly configVersion: string | undefined
	/** Items in the push; of a rejected one, as far as they could be counted. */
	readonly count: number
	readonly source: 'push' | 'pull'
	readonly durationMs: number
	readonly forced: boolean
	/** Of what was accepted, or found to be in place. */
	readonly revision?: number | undefined
	/** Of what was rejected, without its cause. */
	readonly error?: RemoteTermError | undefined
}

/** What `remote-term:config.batch_add` and `….delete` publish: a service has changed, whoever did it. */
export interface CommitMessage {
	readonly service: string
	readonly revision: number
	/** Items stored, or deleted. */
	readonly count: number
	readonly added: readonly ItemRef[]
	readonly changed: readonly ItemRef[]
	readonly removed: readonly ItemRef[]
}

/** What `remote-term:config.disable` and `….enable` publish. */
export interface FlagMessage extends ItemRef {
	readonly service: string
	readonly revision: number
}

/** What `remote-term:config.pull.start`, `….pull.stop` and `….pull.error` publish. Each start has one of the others. */
export interface PullMessage {
	readonly service: string
	/** Milliseconds since the Unix epoch. */
	readonly startedAt: number
	/** From here on not on `start`. */
	readonly durationMs?: number | undefined
	readonly outcome?: 'updated' | 'unchanged' | 'failed' | undefined
	/** Items received; 0 where nothing had changed. */
	readonly count?: number | undefined
	/** Of the configuration in place afterwards. */
	readonly configVersion?: string | undefined
	/** Of what failed, without its cause. */
	readonly error?: RemoteTermError | undefined
}

/** The names, after those of the reference system's telemetry (SPEC §4.7). */
export const CONFIG_CHANNELS = Object.freeze({
	push: 'remote-term:config.push',
	pushSkipped: 'remote-term:config.push.skipped',
	pushRejected: 'remote-term:config.push.rejected',
	batchAdd: 'remote-term:config.batch_add',
	delete: 'remote-term:config.delete',
	disable: 'remote-term:config.disable',
	enable: 'remote-term:config.enable',
	pullStart: 'remote-term:config.pull.start',
	pullStop: 'remote-term:config.pull.stop',
	pullError: 'remote-term:config.pull.error',
})

export const pushChannels = {
	accepted: channel<PushMessage>(CONFIG_CHANNELS.push),
	skipped: channel<PushMessage>(CONFIG_CHANNELS.pushSkipped),
	rejected: channel<PushMessage>(CONFIG_CHANNELS.pushRejected),
}

export const pullChannels = {
	start: channel<PullMessage>(CONFIG_CHANNELS.pullStart),
	stop: channel<PullMessage>(CONFIG_CHANNELS.pullStop),
	error: channel<PullMessage>(CONFIG_CHANNELS.pullError),
}

const batchAdd = channel<CommitMessage>(CONFIG_CHANNELS.batchAdd)
const deleted = channel<CommitMessage>(CONFIG_CHANNELS.delete)
const disable = channel<FlagMessage>(CONFIG_CHANNELS.disable)
const enable = channel<FlagMessage>(CONFIG_CHANNELS.enable)

export const publishChange = (change: ConfigChange): void => {
	const { kind, service, revision, added, changed, removed } = change
	switch (kind) {
		case 'committed':
		case 'deleted': {
			const to = kind === 'committed' ? batchAdd : deleted
			if (!to.hasSubscribers) return
			const count = kind === 'deleted' ? removed.length : added.length + changed.length
			to.publish({ service, revision, count, added, changed, removed })
			return
		}
		case 'disabled':
		case 'enabled': {
			const to = kind === 'disabled' ? disable : enable
			if (!to.hasSubscribers) return
			for (const { requestType, version } of changed) to.publish({ service, requestType, version, revision })
		}
	}
}
