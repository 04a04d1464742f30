import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { end, start } from '../../testing/processes.ts';
import type { RabbitMQ } from '../../testing/rabbitmq.ts';
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

/** What a scenario may ask to be done to the broker, by what it calls it. */
const does = {
  async restart(broker: RabbitMQ): Promise<void> {
    await broker.kill('SIGTERM');
    await broker.restart();
  },
  async close(broker: RabbitMQ): Promise<void> {
    await broker.ctl('close_all_connections', 'on purpose');
  },
};

/** Runs a client's whole scenario on every way; `recovers` is what it calls its test in which its connection ends. */
export function scenario(client: string, command: (broker: Broker) => [string, string[]], recovers: string): void {
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
          if (line.startsWith('{"ask"')) {
            await does[JSON.parse(line).ask as keyof typeof does](broker.own);
            child.stdin?.write('\n');
          } else {
            lines.push(line.startsWith('{"test"') ? JSON.parse(line) : { said: line });
          }
        }
        expect(await end(child), said).toBe(0);
        expect(lines).toEqual([...DONE, recovers].map((name) => ({ test: name, outcome: 'passed' })));
        // a dozen tests and a restart, where others are at work too
      }, 600_000);
    },
    { ownBroker: true },
  );
}
