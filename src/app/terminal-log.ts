import process from 'node:process';
import pretty from 'pino-pretty';
import type { LogStream } from './log.ts';

/** Lines for people, on stderr: loaded only where that is a terminal. What is no message stays JSON, its control characters escaped. */
export function terminalLog(): LogStream {
  return pretty({
    destination: 2,
    sync: true,
    singleLine: true,
    colorize: process.stderr.hasColors(),
    translateTime: 'SYS:HH:MM:ss.l',
  });
}
