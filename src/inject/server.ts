import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { AppLog } from '../app/log.ts';
import { FileWatch } from '../config/watch.ts';
import type { ServingCertificate } from './certificate.ts';
import type { InjectorSettings } from './inject.ts';
import { answerReview, NoReview } from './review.ts';

/** An API server asks within its timeout, and keeps some connections. */
const LIMITS = {
  maxHeaderSize: 16_384,
  handshakeTimeout: 5_000,
  headersTimeout: 5_000,
  requestTimeout: 15_000,
  keepAliveTimeout: 95_000,
  connectionsCheckingInterval: 1_000,
};
const MOST_CONNECTIONS = 512;
/** Bytes of one request: an API server takes objects of up to 3 MiB. */
const LONGEST = 4 << 20;
/** Bytes of requests that are being read, over all connections. */
const MOST_HELD = 32 << 20;
const CLOSE_GRACE = 1_000;
/** Where the API server sends its reviews. */
export const REVIEW_PATH = '/inject';

export interface InjectorOptions {
  host: string;
  port: number;
  certificate: ServingCertificate;
  settings: InjectorSettings;
  log: AppLog;
}

interface Reply {
  status: number;
  body: string | object;
}

/**
 * Serves the webhook and its health over HTTPS. A renewed certificate is shown as soon as it is there.
 *
 * @throws the system's error when the address can't be bound
 */
export async function startInjector({
  host,
  port,
  certificate,
  settings,
  log,
}: InjectorOptions): Promise<{ address: string; close(): Promise<void> }> {
  const held = { bytes: 0 };
  const server = createServer({ ...LIMITS, ...certificate.pair, minVersion: 'TLSv1.2' }, (request, response) => {
    void reply(request).then(
      ({ status, body }) => respond(response, status, body),
      (error) => {
        // a fault of ours: an API server goes on without us
        log.error({ err: error }, 'could not answer a review');
        respond(response, 500, 'internal error');
      },
    );
  });
  server.maxConnections = MOST_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host || undefined, resolve);
  });
  // a connection that could not be accepted, e.g. for want of a file descriptor, must not end the process
  server.on('error', () => {});
  const watching = new FileWatch(() => {
    try {
      if (certificate.readAgain()) {
        server.setSecureContext({ ...certificate.pair, minVersion: 'TLSv1.2' });
        log.info('the certificate was read again');
      }
    } catch (error) {
      log.warn(`the certificate stays as it was: ${(error as Error).message}`);
    }
    watching.watch(certificate.paths);
  });
  watching.watch(certificate.paths);

  async function reply(request: IncomingMessage): Promise<Reply> {
    const { method, url = '/' } = request;
    const [path] = url.split('?', 1);
    if (path === '/livez') return { status: 200, body: 'ok' };
    if (path === '/readyz') {
      const problem = certificate.problem();
      return problem === undefined ? { status: 200, body: 'ok' } : { status: 503, body: problem };
    }
    if (path !== REVIEW_PATH) return { status: 404, body: `nothing here; there is ${REVIEW_PATH}, /livez, /readyz` };
    if (method !== 'POST') return { status: 405, body: `${REVIEW_PATH} expects POST` };
    const body = await read(request, held);
    if (typeof body !== 'string') return body;
    try {
      const { review, told } = answerReview(body, settings);
      if (told !== undefined) tell(told);
      return { status: 200, body: review };
    } catch (error) {
      if (!(error instanceof NoReview)) throw error;
      return { status: 400, body: error.message };
    }
  }

  function tell({ injected, warnings, ...where }: NonNullable<ReturnType<typeof answerReview>['told']>): void {
    if (injected) log.info(where, 'injected');
    for (const warning of warnings) log.warn(where, warning);
  }

  const bound = server.address() as AddressInfo;
  return {
    address: bound.family === 'IPv6' ? `[${bound.address}]:${bound.port}` : `${bound.address}:${bound.port}`,
    async close() {
      watching.close();
      const grace = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE);
      await new Promise((resolve) => server.close(resolve));
      clearTimeout(grace);
    },
  };
}

/** The whole of a request, or how it is refused. */
async function read(request: IncomingMessage, held: { bytes: number }): Promise<string | Reply> {
  const pieces: Buffer[] = [];
  let own = 0;
  try {
    for await (const piece of request as AsyncIterable<Buffer>) {
      own += piece.length;
      held.bytes += piece.length;
      if (own > LONGEST) return { status: 413, body: `longer than ${LONGEST} bytes` };
      if (held.bytes > MOST_HELD) return { status: 503, body: 'too much at once; try again' };
      pieces.push(piece);
    }
    return Buffer.concat(pieces).toString('utf8');
  } catch {
    return { status: 400, body: 'ended before it was whole' };
  } finally {
    held.bytes -= own;
  }
}

function respond(response: ServerResponse, status: number, body: string | object): void {
  const json = typeof body !== 'string';
  response.writeHead(status, {
    'Content-Type': json ? 'application/json' : 'text/plain; charset=utf-8',
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    // what was not read to its end ends with the connection
    ...(status >= 400 && { Connection: 'close' }),
  });
  response.end(json ? JSON.stringify(body) : `${body}\n`);
}
