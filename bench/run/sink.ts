import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Sink {
  /** value for OTEL_EXPORTER_OTLP_ENDPOINT */
  url: string;
  /** bytes of bodies so far */
  received(): number;
  stop(): Promise<void>;
}

/**
 * An OTLP endpoint that takes everything and looks at nothing of it: what exporting costs the
 * exporter. Or one that never `answers`.
 */
export async function startSink(answers = true): Promise<Sink> {
  let received = 0;
  const server = createServer((request, response) => {
    request.on('data', (chunk) => {
      received += chunk.length;
    });
    request.on('end', () => answers && response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received: () => received,
    stop() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
