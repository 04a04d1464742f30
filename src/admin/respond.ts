import type { IncomingMessage, ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';

const compress = promisify(gzip);

/** Below this a compressed body saves no packet. */
const WORTH_COMPRESSING = 1400;

export interface Answer {
  status: number;
  /** one line, or a document; a line gets its newline here */
  body: string | Buffer;
  contentType?: string;
  headers?: Record<string, string>;
}

/** Sends an answer; to HEAD all but the body. Never cached, never sniffed, never framed. */
export async function respond(request: IncomingMessage, response: ServerResponse, answer: Answer): Promise<void> {
  const { status, contentType = 'text/plain; charset=utf-8', headers = {} } = answer;
  const document = answer.contentType === undefined ? `${answer.body}\n` : answer.body;
  let body = typeof document === 'string' ? Buffer.from(document) : document;
  const encoding: Record<string, string> = {};
  if (body.length > WORTH_COMPRESSING && acceptsGzip(request.headers['accept-encoding'])) {
    body = await compress(body, { level: constants.Z_BEST_SPEED });
    encoding['Content-Encoding'] = 'gzip';
  }
  response.writeHead(status, {
    'Content-Type': contentType,
    'Content-Length': body.length,
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
    'Referrer-Policy': 'no-referrer',
    Vary: 'Accept, Accept-Encoding',
    ...encoding,
    ...headers,
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

function acceptsGzip(header: string | string[] | undefined): boolean {
  return String(header ?? '')
    .split(',')
    .some((range) => /^\s*(gzip|\*)\s*(;|$)/i.test(range) && !/;\s*q=0(\.0*)?\s*$/i.test(range));
}
