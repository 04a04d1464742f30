import { lookup } from 'node:dns/promises';
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest, Agent as TlsAgent } from 'node:https';
import { isIP } from 'node:net';
import type { Merged, SidecarRef } from '../api.ts';

/** Where a sidecar's admin server is asked; the host may be a name of several. */
export interface Peer {
  host: string;
  port: number;
  tls: boolean;
}

export interface PeerSettings {
  peers: readonly Peer[];
  token?: string;
}

/** One admin server: `address` is what its name stood for. */
interface Address extends Peer {
  address: string;
}

/** What one said, or why it did not. */
export interface PeerAnswer<T> {
  sidecar: SidecarRef;
  /** undefined: `sidecar.error` says why */
  answer: T | undefined;
}

/** For an answer, the look-up of the name included. */
const ANSWER_MS = 2000;
/** Names are looked up again after so long. */
const NAMES_MS = 5000;
const MOST_PEERS = 64;
const MOST_BYTES = 32 << 20;

/**
 * The other sidecars that this one answers for. Each is asked for itself alone, so that those that name each other
 * don't ask in circles; one that can't be asked in time is left out, and its row says why.
 */
export class Peers {
  #settings: PeerSettings;
  readonly #own: string;
  readonly #agents = {
    http: new Agent({ keepAlive: true, maxSockets: 4 }),
    https: new TlsAgent({ keepAlive: true, maxSockets: 4 }),
  };
  /** by URL: who it was when it answered last */
  readonly #known = new Map<string, { id: string; name: string }>();
  #found: { at: number; addresses: Promise<(Address | SidecarRef)[]> } | undefined;

  /** `own` is the id of this sidecar: a name that stands for all sidecars stands for this one too. */
  constructor(own: string, settings: PeerSettings) {
    this.#own = own;
    this.#settings = settings;
  }

  configure(settings: PeerSettings): void {
    this.#settings = settings;
    this.#found = undefined;
    this.#known.clear();
  }

  get any(): boolean {
    return this.#settings.peers.length > 0;
  }

  /** Asks all of them for themselves. `path` begins with /api/. Never rejects. */
  async ask<T extends Merged>(path: string, parameters: Record<string, string> = {}): Promise<PeerAnswer<T>[]> {
    if (!this.any) return [];
    const query = new URLSearchParams({ ...parameters, own: '1' });
    const found = await this.#addresses();
    const answers = await Promise.all(
      found.map(async (each): Promise<PeerAnswer<T>> => {
        if ('id' in each) return { sidecar: each, answer: undefined };
        const url = urlOf(each);
        try {
          const answer: T = JSON.parse(await this.#body(each, `${path}?${query}`));
          const [{ id, name }] = answer.sidecars;
          this.#known.set(url, { id, name });
          return { sidecar: { id, name, url, error: null }, answer };
        } catch (error) {
          if (error instanceof NotThere)
            return { sidecar: { ...this.#named(url), url, error: null }, answer: undefined };
          return { sidecar: { ...this.#named(url), url, error: reasonOf(error) }, answer: undefined };
        }
      }),
    );
    return this.#others(answers);
  }

  /** The server-sent events of each, until `signal` says stop; a peer that ends them is asked again. */
  async follow(
    path: string,
    parameters: Record<string, string>,
    signal: AbortSignal,
    each: (name: string, data: string) => void,
  ): Promise<void> {
    const query = new URLSearchParams({ ...parameters, own: '1' });
    const followed = new Set<string>();
    while (!signal.aborted) {
      for (const { sidecar, answer } of await this.ask<Merged>('/api/sidecar')) {
        const { id, url } = sidecar;
        const address = (await this.#addresses()).find((of): of is Address => !('id' in of) && urlOf(of) === url);
        if (answer === undefined || address === undefined || followed.has(id) || signal.aborted) continue;
        followed.add(id);
        void this.#events(address, `${path}?${query}`, signal, each).finally(() => followed.delete(id));
      }
      await sleep(NAMES_MS, signal);
    }
  }

  /** All but this one, and none twice: several URLs may be of one. */
  #others<T>(answers: PeerAnswer<T>[]): PeerAnswer<T>[] {
    const seen = new Set([this.#own]);
    return answers.filter(({ sidecar: { id, error } }) => {
      if (id === '') return true;
      if (seen.has(id)) return false;
      if (error === null) seen.add(id);
      return true;
    });
  }

  #named(url: string): { id: string; name: string } {
    return this.#known.get(url) ?? { id: '', name: url };
  }

  #addresses(): Promise<(Address | SidecarRef)[]> {
    const now = performance.now();
    if (this.#found === undefined || now - this.#found.at > NAMES_MS) {
      this.#found = { at: now, addresses: this.#lookUp() };
    }
    return this.#found.addresses;
  }

  async #lookUp(): Promise<(Address | SidecarRef)[]> {
    const found = await Promise.all(
      this.#settings.peers.map(async (peer): Promise<(Address | SidecarRef)[]> => {
        if (isIP(peer.host) !== 0) return [{ ...peer, address: peer.host }];
        try {
          const addresses = await within(lookup(peer.host, { all: true, verbatim: true }));
          return addresses.map(({ address }) => ({ ...peer, address }));
        } catch (error) {
          const url = urlOf({ ...peer, address: peer.host });
          return [{ id: '', name: url, url, error: reasonOf(error) }];
        }
      }),
    );
    const byUrl = new Map(found.flat().map((each) => ['id' in each ? each.url : urlOf(each), each]));
    return [...byUrl.values()].slice(0, MOST_PEERS);
  }

  #request({ address, host, port, tls }: Address, path: string, signal: AbortSignal): Promise<IncomingMessage> {
    const { token } = this.#settings;
    // by address: a name may stand for several
    const options = {
      host: address,
      port,
      path,
      signal,
      headers: { accept: 'application/json', ...(token !== undefined && { authorization: `Bearer ${token}` }) },
    };
    return new Promise((resolve, reject) => {
      const sent = tls
        ? httpsRequest({ ...options, agent: this.#agents.https, ...(isIP(host) === 0 && { servername: host }) })
        : httpRequest({ ...options, agent: this.#agents.http });
      sent.once('response', resolve);
      sent.once('error', reject);
      sent.end();
    });
  }

  async #body(address: Address, path: string): Promise<string> {
    const late = AbortSignal.timeout(ANSWER_MS);
    const response = await this.#request(address, path, late);
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of response) {
      bytes += chunk.length;
      if (bytes > MOST_BYTES) {
        response.destroy();
        throw new Error(`an answer of more than ${MOST_BYTES >> 20} MiB`);
      }
      chunks.push(chunk);
    }
    const body = Buffer.concat(chunks).toString();
    if (response.statusCode === 404 && path.startsWith('/api/topics/detail')) throw new NotThere();
    if (response.statusCode !== 200)
      throw new Error(`${response.statusCode}: ${body.trim().split('\n')[0].slice(0, 200)}`);
    return body;
  }

  async #events(
    address: Address,
    path: string,
    signal: AbortSignal,
    each: (name: string, data: string) => void,
  ): Promise<void> {
    try {
      const response = await this.#request(address, path, signal);
      if (response.statusCode !== 200) {
        response.resume();
        return;
      }
      response.setEncoding('utf8');
      let text = '';
      for await (const chunk of response) {
        text += chunk;
        const events = text.split('\n\n');
        text = events.pop() ?? '';
        if (text.length > MOST_BYTES) return;
        for (const event of events) {
          const [, name] = /^event: (.*)$/m.exec(event) ?? [];
          const [, data] = /^data: (.*)$/m.exec(event) ?? [];
          if (name !== undefined && data !== undefined) each(name, data);
        }
      }
    } catch {
      // it went away, or who reads did
    }
  }
}

/** It answered, and does not know what was asked for. */
class NotThere extends Error {}

function urlOf({ address, port, tls }: Address): string {
  return `${tls ? 'https' : 'http'}://${address.includes(':') ? `[${address}]` : address}:${port}`;
}

function reasonOf(error: unknown): string {
  const { name, code, message } = error as Error & { code?: string };
  if (name === 'TimeoutError' || name === 'AbortError') return `no answer within ${ANSWER_MS / 1000} s`;
  if (error instanceof SyntaxError || error instanceof TypeError) return 'its answer is not one of Tracehare';
  return (message || code || 'no answer').split('\n')[0];
}

async function within<T>(work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(Object.assign(new Error(), { name: 'TimeoutError' })), ANSWER_MS);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms).unref();
    signal.addEventListener('abort', end);
  });
}
