import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { LossQuery } from '../../src/api.ts';
import { logged } from '../loss/bus.ts';
import { delivery, identified, opened, publish } from '../tracing/fixtures.ts';
import { ask, start } from './serving.ts';

const EMPTY = { losses: [], matching: 0, total: 0, dropped: 0, eventsDropped: 0 };

/** What the sources are asked when `/api/losses` is asked with this query string. */
async function asked(query: string): Promise<{ status: number; body: string; query: LossQuery | undefined }> {
  let seen: LossQuery | undefined;
  const { address, close } = await start({
    losses: (each) => {
      seen = each;
      return EMPTY;
    },
  });
  const { status, body } = await ask(address, `/api/losses${query}`);
  await close();
  return { status, body, query: seen };
}

describe('what may be asked of /api/losses', () => {
  test.each<[string, LossQuery]>([
    ['', { limit: 100 }],
    ['?limit=1', { limit: 1 }],
    ['?topic=a%20b%26c&reason=nacked&side=publish', { limit: 100, topic: 'a b&c', reason: 'nacked', side: 'publish' }],
    ['?topic=', { limit: 100, topic: '' }],
    ['?since=1790000000&until=1790000000.5', { limit: 100, since: 1_790_000_000_000, until: 1_790_000_000_500 }],
    ['?since=2026-09-21T14:13:20.123Z', { limit: 100, since: 1_790_000_000_123 }],
    ['?since=2026-09-21T14:13:20', { limit: 100, since: 1_790_000_000_000 }],
    ['?since=2026-09-21', { limit: 100, since: 1_789_948_800_000 }],
    ['?until=2026-09-21T16:13%2B02:00', { limit: 100, until: 1_789_999_980_000 }],
    ['?until=2026-09-21T16:13+02:00', { limit: 100, until: 1_789_999_980_000 }],
  ])('%j', async (text, query) => {
    expect(await asked(text)).toMatchObject({ status: 200, query });
  });

  test.each([
    ['?limit=0', 'limit: not a whole number from 1 to 10000: "0"'],
    ['?limit=1e3', 'limit: not a whole number from 1 to 10000: "1e3"'],
    ['?limit=-1', 'limit: not a whole number from 1 to 10000: "-1"'],
    ['?limit=10001', 'limit: not a whole number from 1 to 10000: "10001"'],
    ['?limit=', 'limit: not a whole number from 1 to 10000: ""'],
    ['?reason=lost', 'reason: there is no "lost"; there is nacked, unroutable'],
    ['?side=both', 'side: there is no "both"; there is publish, consume'],
    ['?since=yesterday', 'since: neither an ISO 8601 time nor seconds since the epoch: "yesterday"'],
    ['?since=2026-13-01', 'since: neither an ISO 8601 time nor seconds since the epoch: "2026-13-01"'],
    ['?until=1790000000000', 'until: neither an ISO 8601 time nor seconds since the epoch: "1790000000000"'],
    ['?since=2&until=1', 'since: is after until'],
    ['?topic=a&topic=b', 'topic: given 2 times'],
    ['?topics=a', 'unknown parameter "topics"; there is topic, reason, side, since, until, limit'],
    ['?__proto__=a', 'unknown parameter "__proto__"; there is topic, reason, side, since, until, limit'],
    ['?side=%0a%3Cb%3E', 'side: there is no "\\n<b>"; there is publish, consume'],
  ])('not %j: 400 with one line', async (text, line) => {
    expect(await asked(text)).toEqual({ status: 400, body: `${line}\n`, query: undefined });
  });

  test('any text at all is answered with 200 or one line of a 400', async () => {
    const { address } = await start();
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(
          fc.oneof(fc.constantFrom('topic', 'reason', 'side', 'since', 'until', 'limit'), fc.string()),
          fc.string({ unit: 'binary', maxLength: 60 }),
          { maxKeys: 4 },
        ),
        async (parameters) => {
          const query = new URLSearchParams(parameters);
          const { status, body } = await ask(address, `/api/losses?${query}`);
          expect([200, 400]).toContain(status);
          if (status === 400) expect(body).toMatch(/^[^\n]+\n$/);
        },
      ),
      { numRuns: 100 },
    );
  });
});

test('/api/losses is shown to whom /api/state is shown, and to nobody else', async () => {
  const open = await start();
  expect((await ask(open.address, '/api/losses')).status).toBe(200);
  expect((await ask(open.address, '/api/losses', { headers: { host: 'evil.example' } })).status).toBe(403);
  const guarded = await start({}, { host: '0.0.0.0', token: 'secret' });
  expect((await ask(guarded.address, '/api/losses?limit=wrong')).status).toBe(401);
  const authorization = 'Bearer secret';
  expect((await ask(guarded.address, '/api/losses', { headers: { authorization } })).status).toBe(200);
});

/** Names as a client can make them: HTML, control characters, what turns text round. */
const NAME = fc.oneof(
  fc.constantFrom(
    '<img src=x onerror=alert(1)>',
    '</script><script>',
    '"><b>',
    '&lt;',
    '\u202egnp.exe',
    '\r\nX: y',
    '\0',
  ),
  fc.string({ unit: 'binary', maxLength: 40 }),
);

test('names of any kind come through /api/losses unchanged', async () => {
  const names = fc.record({
    exchange: NAME,
    routingKey: NAME,
    topic: NAME,
    queue: NAME,
    messageId: NAME,
    replyText: NAME,
    connectionName: NAME,
  });
  await fc.assert(
    fc.asyncProperty(names, async ({ exchange, routingKey, topic, queue, messageId, replyText, connectionName }) => {
      const passage = { exchange, routingKey, topic, messageId };
      const log = logged([
        opened(),
        identified({ name: connectionName }),
        publish({ ...passage, outcome: 'failed', reason: 'nacked', replyCode: 312, replyText }),
        delivery({ ...passage, queue, outcome: 'failed', reason: 'rejected', lost: true }),
      ]);
      const { address, close } = await start({ losses: (query) => ({ ...log.find(query), eventsDropped: 0 }) });
      const { body, headers } = await ask(address, '/api/losses');
      expect(headers).toMatchObject({ 'content-type': 'application/json', 'x-content-type-options': 'nosniff' });
      const { losses } = JSON.parse(body);
      expect(losses).toHaveLength(2);
      const published = losses.find(({ side }: { side: string }) => side === 'publish');
      expect(published).toMatchObject({ exchange, routingKey, topic, replyText });
      expect(losses).toContainEqual(expect.objectContaining({ queue, side: 'consume' }));
      await close();
    }),
    { numRuns: 40 },
  );
});
