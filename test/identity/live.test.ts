import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bytesFrom, type Recorder, startRecorder } from '../../testing/recorder.ts';
import { startTracehare, type Tracehare } from '../../testing/tracehare.ts';
import { createVhost, type Vhost } from '../../testing/vhost.ts';
import { until } from '../../testing/wait.ts';
import { sortedHeader } from '../../testing/wire.ts';
import { clients } from './clients.ts';
import { checkDownstream, checkUpstream, mandatoryHeaders, returnedHeaders } from './compare.ts';

/** app → recorder → sidecar → recorder → broker: both ends of the sidecar are known. */
describe('what a real broker and an unmodified client say to each other through Tracehare', () => {
  let vhost: Vhost;
  let sidecar: Tracehare;
  let atApp: Recorder;
  let atBroker: Recorder;

  beforeAll(async () => {
    vhost = await createVhost();
    atBroker = await startRecorder(vhost.port);
    sidecar = await startTracehare({ upstream: `amqp://127.0.0.1:${atBroker.port}`, args: ['--loss', 'off'] });
    atApp = await startRecorder(sidecar.port);
  });
  afterAll(async () => {
    await atApp?.stop();
    await sidecar?.stop();
    await atBroker?.stop();
    await vhost?.remove();
  });

  const ways = clients.flatMap((client) =>
    (['few', 'much'] as const).map((much) => ({ name: client.name, much, client })),
  );
  test.each(ways)('$name, $much: is the same on both sides but for our headers', async ({ client, much }) => {
    atApp.captures.length = 0;
    atBroker.captures.length = 0;
    await client[much](vhost.url(atApp.port));
    await until(
      () => [...atApp.captures, ...atBroker.captures].every(({ ended }) => ended),
      'all connections have ended',
    );
    expect(atApp.captures.length).toBe(1);
    expect(atBroker.captures.length).toBe(1);
    const written = bytesFrom('app', atApp.captures[0]);
    const { sent, traceparent } = checkUpstream(written, bytesFrom('app', atBroker.captures[0]));
    expect(sent).toBeGreaterThan(0);
    expect(traceparent).toBeGreaterThan(0);
    const answered = bytesFrom('broker', atApp.captures[0]);
    checkDownstream(bytesFrom('broker', atBroker.captures[0]), answered);
    // a returned message has the very content header it was published with, but for the order that the broker gives it
    const returned = returnedHeaders(answered).map((header) => sortedHeader(header).toString('hex'));
    expect(returned).toEqual(mandatoryHeaders(written).map((header) => sortedHeader(header).toString('hex')));
    if (much === 'much' && client.name !== 'amqp-publish') expect(returned.length).toBeGreaterThan(0);
  });

  test('nothing of it was passed unread', async () => {
    expect((await sidecar.metrics()).sum('tracehare_unobserved_total')).toBe(0);
  });
});
