/** In a delivery's marks: its consumer's number on the channel, 0 for a get-ok. */
export const CONSUMER = 0x1fff;
/** It was read from a stream, which keeps it. */
export const STREAM_READ = 0x2000;
/** Requeued once more, its queue will drop it or dead-letter it: it has reached the limit that is known of the queue. */
export const AT_LIMIT = 0x4000;
/** Likewise, if the queue has the limit that is its broker's default. */
export const AT_DEFAULT_LIMIT = 0x8000;
