import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isIP, isIPv4 } from 'node:net';
import { GuessLimit } from './guess-limit.ts';
import { peerOf } from './peer.ts';

/** Why a request is not answered. */
export interface Refusal {
  status: 401 | 403 | 429;
  reason: string;
  /** seconds */
  retryAfter?: number;
}

/** What of the configuration can change while it runs. */
export interface AccessSettings {
  token?: string;
  /** names that requests may ask for */
  hosts?: readonly string[];
}

const NO_TOKEN =
  'off loopback this needs a token: set admin.token in the configuration file or TRACEHARE_ADMIN_TOKEN, then log in with any user name and the token as password';
const NO_TOKEN_TO_CHANGE =
  'nothing can be changed without a token: set admin.token in the configuration file, or TRACEHARE_ADMIN_TOKEN';
const FOREIGN_PAGE = 'a page of another site can change nothing here';
const WRONG_TOKEN = 'this needs the token of admin.token, as a bearer token or as the password of any user';
const TOO_MANY = 'too many wrong tokens from this address; try again later';
const FOREIGN_HOST =
  'not a name of this server: on loopback it answers to loopback names such as localhost and 127.0.0.1, and to those of admin.hosts';
const OTHER_HOST = 'not a name of this server: it answers to IP addresses, localhost, and the names of admin.hosts';

/** Who is answered by a server bound to `address`, which the configuration calls `name`. */
export class Access {
  readonly #onLoopback: boolean;
  readonly #name: string;
  readonly #guesses: GuessLimit;
  #token: Buffer | undefined;
  #hosts: ReadonlySet<string> = new Set();

  constructor(address: string, name: string, settings: AccessSettings, guesses = new GuessLimit()) {
    this.#onLoopback = isLoopback(address);
    this.#name = name.toLowerCase();
    this.#guesses = guesses;
    this.configure(settings);
  }

  configure({ token, hosts = [] }: AccessSettings): void {
    this.#token = token === undefined || token === '' ? undefined : digest(token);
    this.#hosts = new Set(hosts.map((host) => host.toLowerCase()));
  }

  /**
   * For all there is: undefined admits the request. A page of any site can have its name resolved to our address, and
   * read what we answer as if it were its own; but then its name is in the Host header. Off loopback nothing but what
   * is open to all who reach the port can be had without the token, which such a page does not know: so there any
   * name will do, as Prometheus and proxies use many, unless the configuration lists them.
   */
  host({ headers: { host } }: IncomingMessage): Refusal | undefined {
    // HTTP/1.0, which no browser speaks: Node refuses later versions without
    if (host === undefined) return undefined;
    const name = hostname(host);
    if (isLoopback(name) || name === this.#name || this.#hosts.has(name)) return undefined;
    if (this.#onLoopback) return { status: 403, reason: FOREIGN_HOST };
    if (this.#hosts.size === 0 || isIP(name) !== 0) return undefined;
    return { status: 403, reason: OTHER_HOST };
  }

  /** For `/` and `/api`: undefined admits the request. */
  token(request: IncomingMessage): Refusal | undefined {
    return this.#onLoopback ? undefined : this.#asked(request, NO_TOKEN);
  }

  /** For what changes something, on loopback too: every program and every page of a browser there could. */
  change(request: IncomingMessage): Refusal | undefined {
    const site = request.headers['sec-fetch-site'];
    if (site !== undefined && site !== 'same-origin' && site !== 'none') return { status: 403, reason: FOREIGN_PAGE };
    return this.#asked(request, NO_TOKEN_TO_CHANGE);
  }

  #asked({ headers: { authorization }, socket }: IncomingMessage, noToken: string): Refusal | undefined {
    if (this.#token === undefined) return { status: 403, reason: noToken };
    const wrong: Refusal = { status: 401, reason: WRONG_TOKEN };
    // browsers ask without one first: no guess
    if (authorization === undefined) return wrong;
    const peer = peerOf(socket);
    const wait = this.#guesses.wait(peer);
    // the right token too: else the answer would tell which one it is
    if (wait > 0) return { status: 429, reason: TOO_MANY, retryAfter: Math.ceil(wait / 1000) };
    if (timingSafeEqual(digest(credentials(authorization)), this.#token)) {
      this.#guesses.right(peer);
      return undefined;
    }
    this.#guesses.wrong(peer);
    return wrong;
  }
}

/** Whether a name or address stays on this machine. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase().replace(/^::ffff:/, '');
  return (
    name === '::1' || name === 'localhost' || name.endsWith('.localhost') || (isIPv4(name) && name.startsWith('127.'))
  );
}

/** Of a Host header, in lower case, without a port and the dot that a full name may end with. */
function hostname(host: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d*)?$/.exec(host);
  return (bracketed?.[1] ?? host.replace(/:\d*$/, '').replace(/\.$/, '')).toLowerCase();
}

function credentials(authorization: string): string {
  const [scheme, value = ''] = authorization.split(/ +/, 2);
  if (scheme.toLowerCase() === 'bearer') return value;
  if (scheme.toLowerCase() !== 'basic') return '';
  const pair = Buffer.from(value, 'base64').toString();
  return pair.slice(pair.indexOf(':') + 1);
}

/** Digests are of one length, so comparing them tells nothing of the token, not even its length. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
