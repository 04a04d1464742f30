import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pageText } from '../page-text.ts';
import { Access, type AccessSettings, type Refusal } from './access.ts';
import { Answers } from './answers.ts';
import { Changes } from './changes.ts';
import { Crowd } from './crowd.ts';
import { Events } from './events.ts';
import { type Page, pageOf } from './page.ts';
import { anyText, NotFound, parameters, QueryError } from './parameters.ts';
import { type PeerSettings, Peers } from './peers.ts';
import {
  connectionsQuery,
  eventsQuery,
  findingsQuery,
  lossQuery,
  topicQuery,
  topicsQuery,
  topologyQuery,
  tracesQuery,
} from './queries.ts';
import { type Answer, respond } from './respond.ts';
import type { AdminSources } from './sources.ts';

/** What of the configuration can change while it runs. */
export type AdminSettings = AccessSettings & { peers?: PeerSettings['peers'] };

export interface AdminOptions {
  host: string;
  port: number;
  token?: string;
  hosts?: readonly string[];
  peers?: PeerSettings['peers'];
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

/** `gone`: whoever asked does not wait for the answer any more. */
type Handler = (request: IncomingMessage, query: URLSearchParams, gone: AbortSignal) => Answer | Promise<Answer>;
type Route = (request: IncomingMessage, gone: AbortSignal) => Answer | Promise<Answer>;

/**
 * Serves metrics, health and the page.
 *
 * @returns where it listens (`host:port`), how to give it other settings, and how to end it: open
 * requests get a second to finish.
 * @throws the system's error when the address can't be bound
 */
export async function startAdmin(
  { host, port, peers = [], ...settings }: AdminOptions,
  sources: AdminSources,
): Promise<{ address: string; configure(settings: AdminSettings): void; close(): Promise<void> }> {
  let route: Route = () => ({ status: 503, body: 'starting' });
  /** of those who wait for an answer, or read one that goes on */
  const asking = new Set<AbortController>();
  const server = createServer(LIMITS, (request, response) => {
    const gone = new AbortController();
    asking.add(gone);
    response.once('close', () => {
      asking.delete(gone);
      gone.abort();
    });
    void answer(request, response, (r) => route(r, gone.signal), crowd);
  });
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
  const { token } = settings;
  const others = new Peers(sources.identity.id, { peers, ...(token !== undefined && { token }) });
  route = router(sources, access, others);
  return {
    address: bound.family === 'IPv6' ? `[${bound.address}]:${bound.port}` : `${bound.address}:${bound.port}`,
    configure({ peers = [], ...settings }) {
      access.configure(settings);
      const { token } = settings;
      others.configure({ peers, ...(token !== undefined && { token }) });
    },
    async close() {
      for (const gone of asking) gone.abort();
      const grace = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE);
      await new Promise((resolve) => server.close(resolve));
      clearTimeout(grace);
    },
  };
}

function router(sources: AdminSources, access: Access, peers: Peers): Route {
  const answers = new Answers(sources, peers);
  const changes = new Changes(sources.changes);
  const events = new Events(answers, sources, peers);
  let page: Page | undefined;
  const upstreamReachable = shared(() => sources.upstreamReachable());
  const guarded =
    (handler: Handler): Handler =>
    (request, query, gone) => {
      const refusal = access.token(request);
      return refusal === undefined ? handler(request, query, gone) : refuse(refusal);
    };
  /** `own`: of this sidecar alone. */
  const api = (ask: (query: URLSearchParams, own: boolean) => unknown): Handler =>
    guarded(async (_, query) => json(await ask(query, takeOwn(query))));
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
      guarded(async () => {
        // not before somebody looks
        page ??= pageOf(await pageText());
        const { html, policy } = page;
        return {
          status: 200,
          contentType: 'text/html; charset=utf-8',
          body: html,
          headers: { 'Content-Security-Policy': policy },
        };
      }),
    ],
    [
      '/api/sidecar',
      api((query) => {
        parameters(query, {});
        return { sidecars: [answers.own] };
      }),
    ],
    [
      '/api/state',
      api((query, own) => {
        parameters(query, {});
        return answers.state(own);
      }),
    ],
    [
      '/api/topics',
      api((query, own) => {
        const part = take(query, 'parts');
        if (part === undefined) return answers.topics(topicsQuery(query), own);
        if (part === 'lines')
          return answers.linesPart(parameters<{ keys: string }>(query, { keys: anyText }).keys ?? '');
        return answers.topicsPart(parameters<{ search: string }>(query, { search: anyText }).search ?? '');
      }),
    ],
    [
      '/api/topics/detail',
      api((query, own) => {
        const part = take(query, 'parts');
        return part === undefined ? answers.topic(topicQuery(query), own) : answers.detailPart(topicQuery(query));
      }),
    ],
    ['/api/traces', api((query, own) => answers.traces(tracesQuery(query), own))],
    ['/api/connections', api((query, own) => answers.connections(connectionsQuery(query), own))],
    ['/api/losses', api((query, own) => answers.losses(lossQuery(query, sources.lossReasons), own))],
    ['/api/topology', api((query, own) => answers.topology(topologyQuery(query), own))],
    ['/api/findings', api((query, own) => answers.findings(findingsQuery(query), own))],
    [
      '/api/faults',
      api((query) => {
        parameters(query, {});
        return sources.changes.faults();
      }),
    ],
    [
      '/api/events',
      guarded((_, query, gone) => {
        const own = takeOwn(query);
        const body = events.stream(eventsQuery(query), own, gone);
        return { status: 200, contentType: 'text/event-stream', body, live: true };
      }),
    ],
  ]);
  const missing: Handler = () => ({
    status: 404,
    body: `nothing here; there is ${[...routes.keys()].join(', ')}`,
  });

  /** Of one trace: its id is part of the path. */
  const trace = (traceId: string): Handler =>
    api((query, own) => {
      parameters(query, {});
      return answers.trace(traceId, own);
    });

  return (request, gone) => {
    const refusal = access.host(request);
    if (refusal !== undefined) return refuse(refusal);
    const url = request.url ?? '/';
    if (url.length > MAX_URL) return { status: 414, body: `URL longer than ${MAX_URL} characters` };
    const [path, query] = url.split('?', 2);
    const [, traceId] = /^\/api\/traces\/([0-9a-f]{32})$/.exec(path) ?? [];
    const known = traceId === undefined ? routes.get(path) : trace(traceId);
    const handler = known ?? (path.startsWith('/api/') ? guarded(missing) : missing);
    const { method = '' } = request;
    if (method !== 'GET' && method !== 'HEAD') {
      const change = changes.at(method, path);
      if (change === undefined)
        return { status: 405, body: 'only GET and HEAD are answered here', headers: { Allow: 'GET, HEAD' } };
      const refusal = access.change(request);
      return refusal === undefined ? change(request) : refuse(refusal);
    }
    return handler(request, new URLSearchParams(query), gone);
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
  // Few have a reason to send a body: it isn't read but for them, and the connection ends with the answer.
  if (request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined) {
    response.shouldKeepAlive = false;
  }
  try {
    const answer = await route(request);
    if (answer.live) crowd.isStream(socket);
    else if (typeof answer.body !== 'string' || answer.body.length > LONG) crowd.isLong(socket);
    await respond(request, response, answer);
  } catch (error) {
    if (error instanceof NotFound) return respond(request, response, { status: 404, body: error.message });
    if (error instanceof QueryError) return respond(request, response, { status: 400, body: error.message });
    const reason = error instanceof Error ? error.message.split('\n')[0] : String(error);
    if (!response.headersSent) await respond(request, response, { status: 500, body: `internal error: ${reason}` });
    else response.destroy();
  }
}

/** Takes a parameter that all paths, or several, have. */
function take(query: URLSearchParams, name: string): string | undefined {
  const value = query.get(name);
  query.delete(name);
  return value ?? undefined;
}

function takeOwn(query: URLSearchParams): boolean {
  const own = take(query, 'own');
  if (own === undefined || own === '1') return own === '1';
  throw new QueryError('own: not 1');
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
