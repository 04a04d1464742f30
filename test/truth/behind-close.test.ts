import { afterAll, beforeAll, expect, test } from 'vitest';
import { publish, RawClient, request } from '../../testing/raw-client.ts';
import { startTracehare, type Tracehare } from '../../testing/tracehare.ts';
import { createVhost, type Vhost } from '../../testing/vhost.ts';
import { until } from '../../testing/wait.ts';
import { Count, figuresOf, sorted } from './figures.ts';

let vhost: Vhost;
let sidecar: Tracehare;
beforeAll(async () => {
  vhost = await createVhost();
  sidecar = await startTracehare({ upstream: `amqp://127.0.0.1:${vhost.port}`, args: ['--loss', 'off'] });
});
afterAll(async () => {
  await vhost?.remove();
  await sidecar?.stop();
});

/** amqplib does this: its connection.close overtakes publishes that it holds in a buffer. */
test.each([
  ['without confirms', false],
  ['with confirms', true],
])(
  'a publish behind the app’s own connection.close is no success, for the broker drops it: %s',
  async (_, confirms) => {
    const queue = `queue-${confirms}`;
    const app = await RawClient.open({ port: sidecar.port, vhost: vhost.name });
    await app.call(request.declare(1, queue), 50, 11);
    if (confirms) await app.call(request.confirmSelect(1), 85, 11);
    const message = publish(1, { exchange: '', key: queue, body: 'abc' });
    app.send(message, message, message);
    for (let tag = 0; confirms && tag < 3; ) tag = Number((await app.take(60, 80)).readBigUInt64BE(11));
    app.send(request.closeConnection(), message, message);
    await app.take(10, 51);
    app.socket.end();
    await until(() => app.ended, 'the connection has ended');

    const reader = await RawClient.open({ port: vhost.port, vhost: vhost.name });
    const declared = await reader.call(request.declare(1, queue), 50, 11);
    await reader.close();
    expect(declared.readUInt32BE(12 + queue.length)).toBe(3);

    const count = new Count({ pipeline: vhost.name, serverPort: vhost.port });
    for (let i = 0; i < 3; i++) {
      count.published(queue, 3);
      if (confirms) count.confirmed(queue);
      count.publishEnded(queue);
    }
    for (let i = 0; i < 2; i++) {
      count.published(queue, 3);
      count.publishUnknown(queue, 'unconfirmed_at_close');
    }
    const metrics = await until(async () => {
      const now = await sidecar.metrics();
      return now.sum('tracehare_connections') === 0 && now;
    }, 'the connection is gone');
    const ours = [...figuresOf(metrics)].filter(([sample]) => sample.includes(`"${queue}"`));
    expect(sorted(new Map(ours))).toEqual(sorted(count.figures));
  },
);
