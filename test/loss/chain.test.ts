import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { publish, RawClient } from '../../testing/raw-client.ts';
import { startTracehare, type Tracehare } from '../../testing/tracehare.ts';
import { createVhost, type Vhost } from '../../testing/vhost.ts';
import { until } from '../../testing/wait.ts';
import { bits, type Entry, entry, header, method, sortedHeader, string, u16, u32, u64 } from '../../testing/wire.ts';
import { MODES, unique } from './rig.ts';

// One sidecar beside the app and another beside the broker: what the first one puts on a message is the app's own
// for the second, and comes back to it as it was.

let vhost: Vhost;
beforeAll(async () => {
  vhost = await createVhost();
});
afterAll(() => vhost?.remove());

const barrier = (client: RawClient): Promise<Buffer> =>
  client.call(method(1, 60, 10, u32(0), u16(10), bits(false)), 60, 11);

const CONTEXT = string('traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01');
const COPIED: [string, Entry[]?][] = [
  ['no headers'],
  ['headers of its own', [string('a', '1'), string('z', '2')]],
  ['a copied stamp', [entry('x-tracehare-sent', 'l', u64(1_700_000_000_000_000))]],
  [
    'a copied stamp among others',
    [string('a', '1'), entry('x-tracehare-sent', 'l', u64(1)), CONTEXT, string('z', '2')],
  ],
  ['a stamp of another type', [CONTEXT, entry('x-tracehare-sent', 'T', u64(1_700_000_000))]],
  ['a text under the name of a stamp', [CONTEXT, string('x-tracehare-sent', 'yesterday')]],
];

const pairs = MODES.flatMap((outer) => MODES.map((inner) => [outer, inner] as const));
describe.each(pairs)('--loss %s beside the app, %s beside the broker', (outer, inner) => {
  let [first, second]: (Tracehare | undefined)[] = [];
  beforeAll(async () => {
    second = await startTracehare({ upstream: `amqp://127.0.0.1:${vhost.port}`, args: ['--loss', inner] });
    first = await startTracehare({ upstream: `amqp://127.0.0.1:${second.port}`, args: ['--loss', outer] });
  });
  afterAll(async () => {
    await first?.stop();
    await second?.stop();
  });

  test('each counts each message once, and the app gets the returns it asked for as it sent them', async () => {
    if (first === undefined || second === undefined) throw new Error('not started');
    const nowhere = unique('nowhere');
    const client = await RawClient.open({ port: first.port, vhost: vhost.name });
    onTestFinished(() => void client.socket.destroy());
    for (const [, headers] of COPIED) {
      const message = { exchange: '', key: nowhere, ...(headers && { headers }) };
      client.send(publish(1, message), publish(1, { ...message, mandatory: true }), publish(1, message));
    }
    for (const [what, headers] of COPIED) {
      await client.take(60, 50);
      const back = await client.next();
      // RabbitMQ 4 sorts, and one that is no stamp may come back in another place
      expect(sortedHeader(back), what).toEqual(sortedHeader(header(1, 0, headers)));
    }
    // too much to be kept until it comes back: it stays where it is
    const headers = [string('x-tracehare-sent', 'y'.repeat(500)), CONTEXT];
    client.send(publish(1, { exchange: '', key: unique('nowhere'), headers, mandatory: true }));
    await client.take(60, 50);
    expect(sortedHeader(await client.next())).toEqual(sortedHeader(header(1, 0, headers)));
    await barrier(client);
    expect(client.frames).toEqual([]);
    await client.close();
    for (const sidecar of [first, second]) {
      await until(async () => (await sidecar.metrics()).value('tracehare_connections') === 0, 'it is gone');
      const metrics = await sidecar.metrics();
      const at = (name: string, labels = {}): number => metrics.sum(name, { topic: nowhere, ...labels });
      // the one beside the broker sees what the other asks for as asked by the app
      const asked = sidecar === first ? outer !== 'off' : outer !== 'off' || inner !== 'off';
      const all = COPIED.length * 3;
      const lost = asked ? all : COPIED.length;
      expect(at('event_lost_total', { reason: 'unroutable' })).toBe(lost);
      expect(at('event_throughput_total', { status: 'failed' })).toBe(lost);
      expect(at('event_throughput_total', { status: 'success' })).toBe(all - lost);
      expect(at('event_unknown_total')).toBe(0);
    }
  });
});
