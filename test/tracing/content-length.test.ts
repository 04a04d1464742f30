import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type OtlpReceiver, startOtlpReceiver } from '../../testing/otlp.ts';
import { passageOf } from '../../testing/passages.ts';
import { until } from '../../testing/wait.ts';
import { publish, startSink } from './fixtures.ts';

let receiver: OtlpReceiver;
/** in front of the receiver: an endpoint that takes no body of unknown length */
let strict: Awaited<ReturnType<typeof startStrictEndpoint>>;
beforeEach(async () => {
  receiver = await startOtlpReceiver();
  strict = await startStrictEndpoint(receiver.url);
});
afterEach(async () => {
  await strict.close();
  await receiver.close();
});

async function startStrictEndpoint(behind: string) {
  const seen: { length: number; encoding: string | undefined }[] = [];
  let unavailable = 0;
  async function answer({ headers, url }: IncomingMessage, body: Buffer): Promise<number> {
    if (headers['transfer-encoding'] !== undefined || headers['content-length'] === undefined) return 411;
    seen.push({ length: Number(headers['content-length']), encoding: headers['content-encoding'] });
    if (unavailable-- > 0) return 503;
    const { 'content-type': type = '', 'content-encoding': encoding = 'identity' } = headers;
    const passedOn = { 'content-type': type, 'content-encoding': encoding };
    return (await fetch(`${behind}${url}`, { method: 'POST', headers: passedOn, body: new Uint8Array(body) })).status;
  }
  const server = createServer(async (request, response) => {
    const body = await buffer(request);
    response.writeHead(await answer(request, body), { 'retry-after': '0' }).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    /** Says 503 to so many requests. */
    failNext(requests: number) {
      unavailable = requests;
    },
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

describe.each(['http/protobuf', 'http/json'])('over %s', (protocol) => {
  describe.each(['none', 'gzip'])('with compression %s', (compression) => {
    const env = () => ({
      OTEL_EXPORTER_OTLP_ENDPOINT: strict.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
      OTEL_EXPORTER_OTLP_COMPRESSION: compression,
      OTEL_BSP_SCHEDULE_DELAY: '1',
    });

    test('an endpoint that refuses chunks gets the spans', async () => {
      const sink = await startSink(env());
      sink.passage(passageOf(publish()));
      await until(() => sink.figures().exported === 1, 'the span is exported');
      expect(receiver.spans).toMatchObject([{ name: 'publish orders' }]);
      expect(strict.seen[0].encoding).toBe(compression === 'gzip' ? 'gzip' : undefined);
    });

    test('requests under way together each say their own length', async () => {
      const sink = await startSink({ ...env(), OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '1' });
      for (let i = 1; i <= 20; i++) sink.passage(passageOf(publish({ messageId: randomBytes(i * 4).toString('hex') })));
      await sink.shutdown();
      expect(sink.figures()).toMatchObject({ exported: 20, dropped: 0 });
      expect(receiver.spans).toHaveLength(20);
      expect(new Set(strict.seen.map(({ length }) => length)).size).toBeGreaterThan(5);
    });

    test('a request that is tried again says it again', async () => {
      strict.failNext(2);
      const sink = await startSink(env());
      sink.passage(passageOf(publish()));
      await until(() => sink.figures().exported === 1, 'the span is exported');
      expect(strict.seen).toHaveLength(3);
      expect(new Set(strict.seen.map(({ length }) => length)).size).toBe(1);
      expect(receiver.spans).toHaveLength(1);
    });
  });
});
