import type { SingleBar } from 'cli-progress'
import type { Clock } from '../core/clock.ts'
import type { Output } from './io.ts'
import { formatBytes } from './quantities.ts'

/** A download that is over sooner is not worth a bar. Milliseconds. */
const LONG = 500

const WITH_TOTAL = '{bar} {percentage}%  {received} of {whole}  {rate}/s'
const WITHOUT_TOTAL = '{received}  {rate}/s'

interface Download {
	readonly began: number
	received: number
	readonly total: number | undefined
	bar: SingleBar | undefined
	asked: boolean
}

/** A bar on a terminal while a download takes long, and nothing of it left afterwards. Elsewhere nothing at all. */
export class Progress {
	readonly #output: Output
	readonly #clock: Clock
	#download: Download | undefined

	constructor(output: Output, clock: Clock) {
		this.#output = output
		this.#clock = clock
	}

	/** Bytes so far, and how many there will be if that is known. The first call begins the download. */
	report(received: number, total: number | undefined): void {
		if (this.#output.isTTY !== true) return
		const now = this.#clock.monotonic()
		this.#download ??= { began: now, received, total, bar: undefined, asked: false }
		const download = this.#download
		download.received = received
		if (!download.asked && now - download.began >= LONG) {
			download.asked = true
			void this.#show(download)
		}
		download.bar?.update(received, this.#figures(download))
	}

	/** The download is over, well or not. */
	end(): void {
		this.#download?.bar?.stop()
		this.#download = undefined
	}

	async #show(download: Download): Promise<void> {
		const { default: bars } = await import('cli-progress')
		if (this.#download !== download) return
		const { total, received } = download
		download.bar = new bars.SingleBar(
			{
				format: total === undefined ? WITHOUT_TOTAL : WITH_TOTAL,
				stream: this.#output,
				barsize: 30,
				hideCursor: true,
				linewrap: false,
				clearOnComplete: true,
				// It would listen to signals by itself; whoever ends the command also ends the bar.
				gracefulExit: false,
			},
			bars.Presets.shades_classic,
		)
		download.bar.start(total ?? 0, received, this.#figures(download))
	}

	#figures({ began, received, total }: Download): Record<string, string> {
		const seconds = (this.#clock.monotonic() - began) / 1000
		return {
			received: formatBytes(received),
			whole: formatBytes(total ?? 0),
			rate: formatBytes(seconds > 0 ? Math.round(received / seconds) : 0),
		}
	}
}
