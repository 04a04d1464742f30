import { type DestinationStream, destination, type Logger, pino, stdTimeFunctions } from 'pino';
import type { Config } from '../config/config.ts';

export type { DestinationStream as LogStream, Logger } from 'pino';

/** What most of the program says something to. */
export type AppLog = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;

/** Redacted wherever they appear, should a caller ever log an object that holds one. */
const secrets = ['password', 'token', 'secret', 'authorization'].flatMap((name) => [
  name,
  name[0].toUpperCase() + name.slice(1),
]);
const deepest = 5;
const redacted = Array.from({ length: deepest }, (_, depth) => secrets.map((name) => `${'*.'.repeat(depth)}${name}`));

/** Characters of lines that are kept while they can't be written; what comes then is dropped. */
const MOST_KEPT = 1 << 18;

function stderr(): DestinationStream {
  const stream = destination({ dest: 2, sync: true, maxLength: MOST_KEPT });
  // a full disk, say: the next line tries again, and traffic does not end with the log
  stream.on('error', () => {});
  return stream;
}

/**
 * JSON lines on stderr, or on the stream given: `level` as a word, `time` in ISO 8601, `msg`. Written at once, so that the
 * last line before an exit is not lost. Callers log no payloads and no credentials at any level.
 */
export function createLog(level: Config['log']['level'], stream: DestinationStream = stderr()): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: redacted.flat(),
    },
    stream,
  );
}
