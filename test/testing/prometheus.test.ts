import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { startPrometheus } from '../../testing/prometheus.ts';
import { until } from '../../testing/wait.ts';

test('a private Prometheus scrapes what it is told to and answers queries', async () => {
  const target = createServer((_, response) => response.end('things_total{topic="a"} 5\n'));
  target.listen(0, '127.0.0.1');
  await once(target, 'listening');
  const address = `127.0.0.1:${(target.address() as AddressInfo).port}`;
  const prometheus = await startPrometheus({ targets: [address], scrapeInterval: 100 });
  try {
    const [series] = await until(async () => {
      const found = await prometheus.query('things_total');
      return found.length > 0 && found;
    }, 'Prometheus has scraped');
    expect(series).toEqual({
      labels: { __name__: 'things_total', instance: address, job: 'tracehare', topic: 'a' },
      value: 5,
    });
  } finally {
    await prometheus.stop();
    target.close();
  }
});
