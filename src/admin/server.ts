import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Access, type AccessSettings, type Refusal } from './access.ts';
import { Crowd } from './crowd.ts';
import { lossQuery, QueryError } from './loss-query.ts';
import { PAGE, PAGE_POLICY } from './page.ts';
import { type Answer, respond } from './respond.ts';
import type { AdminSources } from './sources.ts';
import { stringQuery } from './string-query.ts';

export interface AdminOptions {
  host: string;
  port: number;
  token?: string;
  hosts?: readonly string[];
}

/** Scrapers and browsers are few and quick; whoever is slow or many is none of them. */
const LIMITS = {
  maxHeaderSize: 8192,
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  // longer than most wait between two scrapes
  keepAliveTimeout: 35_000,
  connectionsCheckingInterval: 1_000,
};
const MAX_URL = 2048;
/** An answer of more characters is not gone as soon as it is written. */
const LONG = 16_384;
const IDLE_SOCKET = 40_000;
const CLOSE_GRACE = 1_000;

type Handler = (request: IncomingMessage, query: URLSearchParams) => Answer | Promise<Answer>;

/**
 * Serves metrics, health and the page.
 *
 * @returns where it listens (`host:port`), how to give it other settings, and how to end it: open
 * requests get a second to finish.
 * @throws the system's error when the address can't be bound
 */
export async function startAdmin(
  { host, port, ...settings }: AdminOptions,
  sources: AdminSources,
): Promise<{ address: string; configure(settings: AccessSettings): void; close(): Promise<void> }> {
  let route: (request: IncomingMessage) => Answer | Promise<Answer> = () => ({ status: 503, body: 'starting' });
  const server = createServer(LIMITS, (request, response) => void answer(request, response, (r) => route(r), crowd));
  const crowd = new Crowd(server);
  server.timeout = IDLE_SOCKET;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  // a scrape that could not be accepted, e.g. for want of a file descriptor, must not end the process
  server.on('error', () => {});
  const bound = server.address() as AddressInfo;
  const access = new Access(bound.address, host, settings);
  route = router(sources, access);
  return {
    address: bound.family === 'IPv6' ? `[${bound.address}]:${bound.port}` : `${bound.address}:${bound.port}`,
    configure: (settings) => access.configure(settings),
    async close() {
      const grace = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE);
      await new Promise((resolve) => server.close(resolve));
      clearTimeout(grace);
    },
  };
}

function router(sources: AdminSources, access: Access): (request: IncomingMessage) => Answer | Promise<Answer> {
  const upstreamReachable = shared(() => sources.upstreamReachable());
  const guarded =
    (handler: Handler): Handler =>
    (request, query) => {
      const refusal = access.token(request);
      return refusal === undefined ? handler(request, query) : refuse(refusal);
    };
  const routes = new Map<string, Handler>([
    ['/metrics', ({ headers }) => ({ status: 200, ...sources.metrics(headers.accept) })],
    ['/livez', () => ({ status: 200, body: 'ok' })],
    [
      '/readyz',
      async (_, query) => {
        const reason = sources.ready() ?? (query.get('upstream') === '1' ? await upstreamReachable() : undefined);
        return reason === undefined ? { status: 200, body: 'ok' } : { status: 503, body: reason };
      },
    ],
    [
      '/',
      guarded(() => ({
        status: 200,
        contentType: 'text/html; charset=utf-8',
        body: PAGE,
        headers: { 'Content-Security-Policy': PAGE_POLICY },
      })),
    ],
    ['/api/state', guarded(() => json(sources.state()))],
    ['/api/losses', guarded((_, query) => json(sources.losses(lossQuery(query, sources.lossReasons))))],
    ['/api/topology', guarded((_, query) => json(sources.topology(stringQuery(query, ['pipeline', 'vhost']))))],
    ['/api/findings', guarded((_, query) => json(sources.findings(stringQuery(query, ['kind', 'app', 'vhost']))))],
  ]);
  const missing: Handler = () => ({
    status: 404,
    body: `nothing here; there is ${[...routes.keys()].join(', ')}`,
  });

  return (request) => {
    const refusal = access.host(request);
    if (refusal !== undefined) return refuse(refusal);
    const url = request.url ?? '/';
    if (url.length > MAX_URL) return { status: 414, body: `URL longer than ${MAX_URL} characters` };
    const [path, query] = url.split('?', 2);
    const handler = routes.get(path) ?? (path.startsWith('/api/') ? guarded(missing) : missing);
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return { status: 405, body: 'only GET and HEAD are answered here', headers: { Allow: 'GET, HEAD' } };
    }
    return handler(request, new URLSearchParams(query));
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  route: (request: IncomingMessage) => Answer | Promise<Answer>,
  crowd: Crowd,
): Promise<void> {
  const { socket } = request;
  if (!crowd.answers(socket, response)) return;
  // Nobody has a reason to send a body: it isn't read, and the connection ends with the answer.
  if (request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined) {
    response.shouldKeepAlive = false;
  }
  try {
    const answer = await route(request);
    if (typeof answer.body !== 'string' || answer.body.length > LONG) crowd.isLong(socket);
    await respond(request, response, answer);
  } catch (error) {
    if (error instanceof QueryError) return respond(request, response, { status: 400, body: error.message });
    const reason = error instanceof Error ? error.message.split('\n')[0] : String(error);
    if (!response.headersSent) await respond(request, response, { status: 500, body: `internal error: ${reason}` });
    else response.destroy();
  }
}

function json(value: unknown): Answer {
  return { status: 200, contentType: 'application/json', body: JSON.stringify(value) };
}

function refuse({ status, reason, retryAfter }: Refusal): Answer {
  const headers = {
    ...(status === 401 && { 'WWW-Authenticate': 'Basic realm="tracehare"' }),
    ...(retryAfter !== undefined && { 'Retry-After': String(retryAfter) }),
  };
  return { status, body: reason, headers };
}

/** One dial at a time, however many ask: health checks must not become load on the broker. */
function shared<T>(ask: () => Promise<T>): () => Promise<T> {
  let asked: Promise<T> | undefined;
  return () => {
    asked ??= ask().finally(() => {
      asked = undefined;
    });
    return asked;
  };
}
