import type { Logger } from '../../lib/core/logger.ts'

export interface RecordingLogger extends Logger {
	readonly lines: ReadonlyArray<readonly [level: keyof Logger, message: string]>
}

export const recordingLogger = (): RecordingLogger => {
	const lines: Array<readonly [keyof Logger, string]> = []
	const at =
		(level: keyof Logger) =>
		(message: string): void =>
			void lines.push([level, message])
	return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}
