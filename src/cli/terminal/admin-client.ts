import { readFileSync } from 'node:fs';
import process from 'node:process';
import { CommandError, UsageError } from '../arguments.ts';
import type { Arguments } from '../command.ts';

/** A sidecar that can't be asked, or refuses. */
export class AdminError extends CommandError {}

const TIMEOUT_MS = 10_000;

/** Asks one sidecar's admin server. */
export class AdminClient {
  readonly url: string;
  readonly #headers: Record<string, string>;

  constructor({ options }: Pick<Arguments, 'options'>, env: NodeJS.ProcessEnv = process.env) {
    this.url = adminUrl(String(options.admin ?? (env.TRACEHARE_ADMIN || '127.0.0.1:9673')));
    const token = options.token ?? tokenOf(env);
    this.#headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  }

  async get<T>(path: string, query: Record<string, string | number | undefined> = {}): Promise<T> {
    const response = await this.#ask(path + search(query), { signal: AbortSignal.timeout(TIMEOUT_MS) });
    return (await this.#json(response)) as T;
  }

  async change<T>(method: 'POST' | 'DELETE', path: string, body?: object): Promise<T> {
    const response = await this.#ask(path, {
      method,
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(body !== undefined && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    return (await this.#json(response)) as T;
  }

  /** Server-sent events, until the sidecar ends them. */
  async *events(query: Record<string, string | undefined>): AsyncIterable<{ name: string; data: unknown }> {
    const response = await this.#ask(`/api/events${search(query)}`, {});
    if (response.body === null) return;
    let rest = '';
    try {
      for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
        const blocks = (rest + piece).split('\n\n');
        rest = blocks.pop() as string;
        for (const block of blocks) {
          const fields = new Map(block.split('\n').map((line) => line.split(/: ?(.*)/s, 2) as [string, string]));
          const [name, data] = [fields.get('event'), fields.get('data')];
          if (name !== undefined && data !== undefined) yield { name, data: JSON.parse(data) };
        }
      }
    } catch {
      throw new AdminError(`${this.url}: the sidecar has gone`);
    }
  }

  async #ask(path: string, request: RequestInit): Promise<Response> {
    let response: Response;
    try {
      response = await fetch(`${this.url}${path}`, { ...request, headers: { ...request.headers, ...this.#headers } });
    } catch (error) {
      throw new AdminError(`${this.url}: ${unreachable(error as Error)}`);
    }
    if (response.ok) return response;
    const [line] = (await response.text()).split('\n');
    if (response.status === 400) throw new UsageError(line);
    const hint =
      response.status === 401 || (response.status === 403 && line.includes('token'))
        ? '; give it by --token or TRACEHARE_ADMIN_TOKEN'
        : '';
    const isOurs = /^text\/plain/.test(response.headers.get('content-type') ?? '') && line !== '' && line.length < 1000;
    throw new AdminError(`${this.url}: ${isOurs ? `${line}${hint}` : `${NOT_OURS} (status ${response.status})`}`);
  }

  async #json(response: Response): Promise<unknown> {
    try {
      return await response.json();
    } catch {
      throw new AdminError(`${this.url}: ${NOT_OURS}`);
    }
  }
}

const NOT_OURS = 'this is not the admin server of a Tracehare; name it by --admin';

/** `host:port`, `:port` and what a sidecar listens on are as good as a URL. */
function adminUrl(given: string): string {
  const address = given.includes('://') ? given : `http://${given.startsWith(':') ? `127.0.0.1${given}` : given}`;
  const url = URL.parse(address);
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '')
    throw new UsageError('--admin: expects a URL such as http://127.0.0.1:9673');
  // where it listens on all there is
  if (/^(0\.0\.0\.0|\[::\])$/.test(url.hostname)) url.hostname = url.hostname === '[::]' ? '[::1]' : '127.0.0.1';
  return `${url.origin}${url.pathname.replace(/\/$/, '')}`;
}

function tokenOf(env: NodeJS.ProcessEnv): string | undefined {
  if (env.TRACEHARE_ADMIN_TOKEN) return env.TRACEHARE_ADMIN_TOKEN;
  const file = env.TRACEHARE_ADMIN_TOKEN_FILE;
  if (!file) return undefined;
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new UsageError(`TRACEHARE_ADMIN_TOKEN_FILE: ${file}: not readable: ${(error as NodeJS.ErrnoException).code}`);
  }
}

function search(query: Record<string, string | number | undefined>): string {
  const given = Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]]));
  return given.length === 0 ? '' : `?${new URLSearchParams(given)}`;
}

function unreachable(error: Error & { cause?: unknown }): string {
  const { code, message = '' } = (error.cause ?? {}) as { code?: string; message?: string };
  if (code === 'ECONNREFUSED')
    return 'nobody listens there: is a sidecar running, and is this its admin address? Name it by --admin';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'no such host name; name the sidecar by --admin';
  if (error.name === 'TimeoutError' || code === 'UND_ERR_CONNECT_TIMEOUT' || code === 'ETIMEDOUT')
    return 'no answer; is this the admin address of a sidecar? Name it by --admin';
  return `can't be asked: ${message || error.message}${code && !message.includes(code) ? ` (${code})` : ''}`;
}
