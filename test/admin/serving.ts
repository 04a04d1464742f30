import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterEach } from 'vitest';
import { type AdminOptions, startAdmin } from '../../src/admin/server.ts';
import type { AdminSources } from '../../src/admin/sources.ts';
import { adminSources } from '../../testing/admin-sources.ts';

export { STATE } from '../../testing/admin-sources.ts';

const OPEN: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of OPEN.splice(0)) await close();
});

/** A document as it is rendered: bit by bit. */
export async function* inPieces(text: string): AsyncIterable<string> {
  for (let at = 0; at < text.length; at += 7) yield text.slice(at, at + 7);
}

/** An admin server with these sources, closed after the test. */
export async function start(sources: Partial<AdminSources> = {}, options: Partial<AdminOptions> = {}) {
  const admin = await startAdmin(
    { host: '127.0.0.1', port: 0, ...options },
    adminSources({
      metrics: (accept) => ({ contentType: `for ${accept}`, body: inPieces('things_total 1\n') }),
      ...sources,
    }),
  );
  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= admin.close();
    return closing;
  };
  OPEN.push(close);
  return { ...admin, close };
}

export interface Asked {
  method?: string;
  headers?: Record<string, string>;
  body?: string;
}

/** Over loopback whatever it is bound to. Not fetch: that doesn't let one choose the Host header. */
export async function ask(address: string, path: string, { method = 'GET', headers = {}, body }: Asked = {}) {
  const port = Number(address.slice(address.lastIndexOf(':') + 1));
  const sent = httpRequest({ host: '127.0.0.1', port, path, method, headers, agent: false }).end(body);
  const [response] = await once(sent, 'response');
  return { status: response.statusCode as number, headers: response.headers, body: await text(response) };
}
