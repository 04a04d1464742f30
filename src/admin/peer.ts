import { isIPv6, type Socket } from 'node:net';

/**
 * Who is on the other side, as far as limits for each peer go. An IPv6 host can have any address of its /64 network:
 * all of that is one peer.
 */
export function peerOf({ remoteAddress = '' }: Pick<Socket, 'remoteAddress'>): string {
  const address = remoteAddress.replace(/^::ffff:(?=\d+\.)/, '');
  if (!isIPv6(address)) return address;
  const [head, tail] = address.split('%')[0].split('::', 2);
  const groups = head === '' ? [] : head.split(':');
  if (tail === undefined) return groups.slice(0, 4).join(':');
  const behind = tail === '' ? 0 : tail.split(':').length;
  const zeros = Array.from({ length: Math.max(0, 8 - groups.length - behind) }, () => '0');
  return [...groups, ...zeros, ...tail.split(':')].slice(0, 4).join(':');
}
