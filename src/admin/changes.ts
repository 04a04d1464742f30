import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import type { FaultsEnded } from '../api.ts';
import { QueryError } from './parameters.ts';
import type { Answer } from './respond.ts';
import type { AdminChanges } from './sources.ts';

/** More than any fault takes. */
const MAX_BODY = 8192;

type Change = (request: IncomingMessage) => Promise<Answer>;

/** What can be changed over HTTP, by method and path. Who may, is asked before. */
export class Changes {
  readonly #changes: AdminChanges;
  readonly #byPath: Record<string, Record<string, Change>>;

  constructor(changes: AdminChanges) {
    this.#changes = changes;
    this.#byPath = {
      '/api/faults': {
        POST: async (request) => json(201, await changes.addFault(await bodyOf(request), byOf(request))),
        DELETE: (request) => this.#endFaults(request, undefined),
      },
      '/api/bypass': {
        POST: async (request) => {
          const body = await bodyOf(request);
          if (typeof body !== 'object' || body === null || Object.keys(body).length > 0)
            throw new QueryError('expects an empty object: {}');
          return json(200, { bypass: await changes.bypass(true, byOf(request)) });
        },
        DELETE: async (request) => json(200, { bypass: await changes.bypass(false, byOf(request)) }),
      },
    };
  }

  /** undefined: nothing is changed by this method there. */
  at(method: string, path: string): Change | undefined {
    const [, name] = /^\/api\/faults\/([\w.-]{1,64})$/.exec(path) ?? [];
    if (name !== undefined) return method === 'DELETE' ? (request) => this.#endFaults(request, name) : undefined;
    return Object.hasOwn(this.#byPath, path) ? this.#byPath[path][method] : undefined;
  }

  async #endFaults(request: IncomingMessage, name: string | undefined): Promise<Answer> {
    return json(200, { ended: await this.#changes.endFaults(name, byOf(request)) } satisfies FaultsEnded);
  }
}

/** Who did it, for the log. */
const byOf = ({ socket }: IncomingMessage): string => `${socket.remoteAddress}:${socket.remotePort}`;

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  // a page of another site can't send this without asking first
  if (!/^application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? ''))
    throw new QueryError('Content-Type: expects application/json');
  // said before it is read: what is not read to its end takes the connection with it
  const length = Number(request.headers['content-length']);
  if (!Number.isInteger(length)) throw new QueryError('Content-Length: is missing');
  if (length > MAX_BODY) throw new QueryError(`the body is larger than ${MAX_BODY} bytes`);
  try {
    return JSON.parse(await text(request));
  } catch {
    throw new QueryError('the body is no JSON');
  }
}

function json(status: number, value: unknown): Answer {
  return { status, contentType: 'application/json', body: JSON.stringify(value) };
}
