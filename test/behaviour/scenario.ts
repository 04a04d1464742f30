import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { end, start } from '../../testing/processes.ts';
import { type Broker, bothWays } from './ways.ts';

/** What each scenario of test/clients has to have done, a client of another language each. */
const DONE = [
  'declares, binds, unbinds, purges and deletes',
  'publishes without confirms; properties and headers arrive as they were',
  'is told of confirms, many at a time',
  'is told of nacks',
  'gets mandatory messages back, and their confirms after them',
  'consumes with a prefetch, and settles in every way',
  'recovers what is unsettled',
  'gets, with and without acknowledgement',
  'asks over direct reply-to',
  'commits and rolls back',
  'sends and gets bodies of any size',
  'is told of errors of the channel, and goes on with another',
  'is told of a wrong password and a wrong vhost',
];

/** Runs a client's whole scenario on every way; `restarts` is what it calls its test with a restart of the broker. */
export function scenario(client: string, command: (broker: Broker) => [string, string[]], restarts: string): void {
  bothWays(
    (broker) => {
      test(`${client} does all that an app does`, async () => {
        const [program, args] = command(broker);
        const child = start(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
        const lines: object[] = [];
        let said = '';
        child.stderr?.on('data', (chunk) => {
          said += chunk;
        });
        for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
          if (line !== '{"ask":"restart"}') {
            lines.push(line.startsWith('{"test"') ? JSON.parse(line) : { said: line });
            continue;
          }
          await broker.own.kill('SIGTERM');
          await broker.own.restart();
          child.stdin?.write('\n');
        }
        expect(await end(child), said).toBe(0);
        expect(lines).toEqual([...DONE, restarts].map((name) => ({ test: name, outcome: 'passed' })));
        // a dozen tests and a restart, where others are at work too
      }, 600_000);
    },
    { ownBroker: true },
  );
}
