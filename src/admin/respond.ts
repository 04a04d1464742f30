import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { constants, createGzip, gzip } from 'node:zlib';

const compress = promisify(gzip);
const COMPRESSION = { level: constants.Z_BEST_SPEED };

/** Below this a compressed body saves no packet. */
const WORTH_COMPRESSING = 1400;
/** What of a long document is compressed and sent at a time. */
const CHUNK = 1 << 16;

export interface Answer {
  status: number;
  /** one line, or a document, which may come in pieces; a line gets its newline here */
  body: string | AsyncIterable<string | Uint8Array>;
  contentType?: string;
  /** its pieces come as things happen: none waits for the next one to be compressed with */
  live?: boolean;
  headers?: Record<string, string>;
}

/** Sends an answer; to HEAD all but the body. Never cached, never sniffed, never framed. */
export async function respond(request: IncomingMessage, response: ServerResponse, answer: Answer): Promise<void> {
  const { status, body, contentType = 'text/plain; charset=utf-8', headers = {} } = answer;
  const head = {
    'Content-Type': contentType,
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
    'Referrer-Policy': 'no-referrer',
    Vary: 'Accept, Accept-Encoding',
    ...headers,
  };
  const compressed = answer.live !== true && acceptsGzip(request.headers['accept-encoding']);
  if (typeof body !== 'string') {
    const pieces = body[Symbol.asyncIterator]();
    // what fails at once fails before anything is said
    const first = await pieces.next();
    response.writeHead(status, { ...head, ...(compressed && ENCODED) });
    if (request.method !== 'HEAD') return stream(resumed(first, pieces), compressed, response);
    response.end();
    await pieces.return?.();
    return;
  }
  let bytes: Buffer = Buffer.from(answer.contentType === undefined ? `${body}\n` : body);
  const worth = compressed && bytes.length > WORTH_COMPRESSING;
  if (worth) bytes = await compress(bytes, COMPRESSION);
  response.writeHead(status, { ...head, 'Content-Length': bytes.length, ...(worth && ENCODED) });
  response.end(request.method === 'HEAD' ? undefined : bytes);
}

const ENCODED = { 'Content-Encoding': 'gzip' };

/** Never more of it in memory than one reader leaves in its socket. */
function stream(
  body: AsyncIterable<string | Uint8Array>,
  compressed: boolean,
  response: ServerResponse,
): Promise<void> {
  const pieces = Readable.from(body, { highWaterMark: 1 });
  if (!compressed) return pipeline(pieces, response);
  return pipeline(pieces, createGzip({ ...COMPRESSION, chunkSize: CHUNK }), response);
}

async function* resumed(
  first: IteratorResult<string | Uint8Array>,
  rest: AsyncIterator<string | Uint8Array>,
): AsyncIterable<string | Uint8Array> {
  try {
    for (let each = first; !each.done; each = await rest.next()) yield each.value;
  } finally {
    // whoever reads has gone
    await rest.return?.();
  }
}

function acceptsGzip(header: string | string[] | undefined): boolean {
  return String(header ?? '')
    .split(',')
    .some((range) => /^\s*(gzip|\*)\s*(;|$)/i.test(range) && !/;\s*q=0(\.0*)?\s*$/i.test(range));
}
