import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { pikaPython } from '../../scripts/provision.mjs';
import { run } from '../../testing/processes.ts';
import { bothWays } from './ways.ts';

const python = pikaPython() ?? 'python3';
const script = (name: string) => fileURLToPath(new URL(`../clients/${name}.py`, import.meta.url));

/** What the script printed, parsed. */
async function printed(name: string, ...args: string[]): Promise<unknown> {
  const { code, stdout, stderr } = await run(python, [script(name), ...args]);
  if (code !== 0) throw new Error(`${name} ${args.join(' ')} ended with ${code}:\n${stderr}`);
  return JSON.parse(stdout.toString());
}

bothWays((broker) => {
  const observed = (scenario: string, parameters = '') =>
    printed('pika_blocking', `${broker.url}${parameters}`, scenario) as Promise<never>;

  describe('pika', () => {
    test('bodies of any size arrive as they were sent', async () => {
      expect(await observed('bodies')).toEqual(
        [0, 1, 131_063, 131_064, 131_065, 1_048_576].map((size) => [size, true]),
      );
    });

    test('bodies of any size arrive at the least frame_max too', async () => {
      expect(await observed('bodies', '?frame_max=4096')).toEqual(
        [0, 1, 131_063, 131_064, 131_065, 1_048_576].map((size) => [size, true]),
      );
    });

    test('every header type and property is read as it was written', async () => {
      const [all, none] = (await observed('headers_and_properties')) as { headers: object | null }[];
      const { headers, ...properties } = all;
      expect(broker.asSent(headers)).toEqual({
        text: 'grüße',
        bytes: { bytes: '00ffce' },
        yes: true,
        int: -2_147_483_648,
        long: 2 ** 62,
        decimal: { decimal: '1234.567' },
        time: { time: '2023-11-14T22:13:20' },
        table: { a: { b: 'c' } },
        list: ['a', 1, [true, null]],
        nothing: null,
      });
      expect(properties).toEqual({
        content_type: 'text/plain',
        content_encoding: 'identity',
        delivery_mode: 2,
        priority: 3,
        correlation_id: 'c-1',
        reply_to: 'r',
        expiration: '60000',
        message_id: 'm-1',
        timestamp: 1_700_000_000,
        type: 't',
        user_id: 'guest',
        app_id: 'tests',
        cluster_id: 'c',
      });
      expect({ ...none, headers: null }).toEqual({
        ...Object.fromEntries(Object.keys(properties).map((name) => [name, null])),
        headers: null,
      });
      expect(broker.asSent(none.headers)).toEqual({});
    });

    test('acks, rejects, nacks and recovers', async () => {
      expect(await observed('settling')).toEqual({
        tags: [1, 2, 3, 4, 5],
        back: [
          ['d', true, 1],
          ['e', true, 0],
        ],
      });
    });

    test('consumes with a prefetch and a tag of its own', async () => {
      expect(await observed('consuming')).toEqual({
        got: [1, 2, 3, 4, 5].map((tag) => ['mine', tag, String(tag - 1)]),
        left: 0,
      });
    });

    test('is told when its consumer is cancelled by the broker', async () => {
      expect(await observed('cancelled_by_broker')).toEqual(['mine']);
    });

    test('gets an unroutable mandatory message back as it was sent', async () => {
      expect(await observed('mandatory')).toEqual({
        method: [312, 'NO_ROUTE', 'nobody'],
        headers: { own: 1 },
        message_id: 'm',
        body: 'back',
      });
      expect(Object.values(await observed('mandatory_without_headers'))).toEqual(Array(14).fill(null));
    });

    test('is told of a nack', async () => {
      // pika counts the messages that were returned too
      expect(await observed('nacked')).toBe('0 message(s) NACKed');
    });

    test('commits and rolls back', async () => {
      expect(await observed('transactions')).toEqual([0, 1, 1]);
    });

    test('asks over direct reply-to', async () => {
      expect(await observed('rpc')).toEqual([['there back', '7']]);
    });

    test('is told the code and text of every refusal', async () => {
      const vhost = broker.vhost.name;
      expect(await observed('refusals')).toEqual([
        [404, `NOT_FOUND - no queue 'none' in vhost '${vhost}'`],
        [403, `ACCESS_REFUSED - exchange name 'amq.mine' contains reserved prefix 'amq.*'`],
        [
          406,
          `PRECONDITION_FAILED - inequivalent arg 'type' for exchange 'amq.direct' in vhost '${vhost}': received 'fanout' but current is 'direct'`,
        ],
        [404, `NOT_FOUND - no queue 'none' in vhost '${vhost}'`],
        [404, `NOT_FOUND - no exchange 'missing' in vhost '${vhost}'`],
        [406, 'PRECONDITION_FAILED - unknown delivery tag 99'],
      ]);
    });

    test('lives on by heartbeats', async () => {
      expect(await observed('heartbeats', '?heartbeat=1')).toEqual([true, 0]);
    });

    test('sends nowait methods, which have no replies and act all the same', async () => {
      expect(await printed('pika_nowait', broker.url)).toEqual({
        messages: [
          ['stays', 1, 'one'],
          ['stays', 2, 'two'],
        ],
        unexpected: [],
        confirms: 4,
        closed: [404, `NOT_FOUND - no queue 'none' in vhost '${broker.vhost.name}'`],
      });
    });

    test('a wrong password and a wrong vhost, as pika tells them', async () => {
      const at = `${broker.host}:${broker.port}`;
      expect(await printed('pika_blocking', `amqp://guest:wrong@${at}/${broker.vhost.name}`, 'failure')).toEqual([
        'ProbableAuthenticationError',
        expect.stringContaining('ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN'),
      ]);
      expect(await printed('pika_blocking', `amqp://guest:guest@${at}/nowhere`, 'failure')).toEqual([
        'ProbableAccessDeniedError',
        expect.stringContaining('NOT_ALLOWED - vhost nowhere not found'),
      ]);
    });
  });
});
