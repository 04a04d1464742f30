import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { isIPv4 } from 'node:net';

/** Why a request may not see `/` and `/api`. */
export interface Refusal {
  status: 401 | 403;
  reason: string;
}

const NO_TOKEN =
  'off loopback this needs a token: set admin.token in the configuration file or TRACEHARE_ADMIN_TOKEN, then log in with any user name and the token as password';
const WRONG_TOKEN = 'this needs the token of admin.token, as a bearer token or as the password of any user';
const FOREIGN_HOST = 'on loopback this answers to loopback names only, such as localhost and 127.0.0.1';

/** The rule for `/` and `/api` of a server bound to `address`: undefined admits the request. */
export function accessRule(
  address: string,
  token: string | undefined,
): (headers: IncomingHttpHeaders) => Refusal | undefined {
  if (isLoopback(address)) {
    // A page of any site can be made to resolve to 127.0.0.1, but not to send our name as Host.
    return ({ host }) => (isLoopback(hostname(host)) ? undefined : { status: 403, reason: FOREIGN_HOST });
  }
  if (token === undefined || token === '') return () => ({ status: 403, reason: NO_TOKEN });
  const expected = digest(token);
  return ({ authorization }) =>
    timingSafeEqual(digest(credentials(authorization)), expected) ? undefined : { status: 401, reason: WRONG_TOKEN };
}

/** Whether a name or address stays on this machine. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase().replace(/^::ffff:/, '');
  return (
    name === '::1' || name === 'localhost' || name.endsWith('.localhost') || (isIPv4(name) && name.startsWith('127.'))
  );
}

/** Of a Host header; '' for none. */
function hostname(host = ''): string {
  const bracketed = /^\[([^\]]*)\](?::\d*)?$/.exec(host);
  return bracketed?.[1] ?? host.replace(/:\d*$/, '');
}

function credentials(authorization = ''): string {
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
