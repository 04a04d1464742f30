import { isIP, isIPv6, SocketAddress } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';

/** Where Tracehare listens. */
export interface Bound {
  /** a name or an address; '' is for all of this machine */
  host: string;
  port: number;
}

export const nameOf = ({ host, port }: Bound): string => `${host.includes(':') ? `[${host}]` : host}:${port}`;

/** Whether a connection to this address and port ends at the listener that is bound so, by an address or to all. */
export function leadsTo({ host, port }: Bound, address: string, at: number): boolean {
  if (at !== port) return false;
  const to = plain(address);
  if (host === '0.0.0.0') return !isIPv6(to) && isOwn(to);
  if (host === '' || plain(host) === '::') return isOwn(to);
  return reached(plain(host)) === reached(to);
}

/** The same where names may stand, as far as it can be told without asking anybody for their addresses. */
export function namesItself(bound: Bound, host: string, port: number): boolean {
  if (port !== bound.port) return false;
  const all = addressesOf(bound.host);
  return addressesOf(host).some((to) => all.some((from) => from === to || leadsTo({ host: from, port }, to, port)));
}

function addressesOf(host: string): string[] {
  const name = host.toLowerCase();
  if (name === 'localhost' || name.endsWith('.localhost')) return ['127.0.0.1', '::1'];
  // whatever it resolves to is of this machine
  if (name === hostname().toLowerCase()) return [name, ...ownAddresses()];
  return [name];
}

const ownAddresses = (): string[] =>
  Object.values(networkInterfaces()).flatMap((each) => (each ?? []).map(({ address }) => plain(address)));

/** Asked anew each time: interfaces come and go. */
const isOwn = (address: string): boolean =>
  isIP(address) !== 0 && (/^127\.|^(0\.0\.0\.0|::1?)$/.test(address) || ownAddresses().includes(address));

/** A connection to no address in particular goes to the loopback one. */
function reached(address: string): string {
  if (address === '0.0.0.0') return '127.0.0.1';
  return address === '::' ? '::1' : address;
}

/** One spelling for each address; a name stays as it is. */
function plain(address: string): string {
  const bare = address.replace(/%.*$/, '');
  if (!isIPv6(bare)) return bare;
  return new SocketAddress({ address: bare, family: 'ipv6' }).address.replace(/^::ffff:(?=\d+\.)/, '');
}
