/** What went over the wire. Hellos and goodbyes are not counted: every network has its own way to know who is there. */
export interface TransportCounts {
	/** Messages put on the wire, one for each addressee, and the bytes of them. */
	sentMessages: number
	sentBytes: number
	/** Messages that were delivered, and the bytes of them. */
	receivedMessages: number
	receivedBytes: number
}

export interface NetworkCounts extends TransportCounts {
	/** On the wire, and lost there: by chance, in a partition, or because the addressee was gone. */
	lostMessages: number
	/** Arrived a second time, and were dropped. */
	duplicates: number
}

export const noTraffic = (): TransportCounts => ({
	sentMessages: 0,
	sentBytes: 0,
	receivedMessages: 0,
	receivedBytes: 0,
})
