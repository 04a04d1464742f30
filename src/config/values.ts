import { isIPv6 } from 'node:net';
import { z } from 'zod';
import type { Peer, Upstream } from './config.ts';
import { didYouMean } from './nearest.ts';

/**
 * The kinds of value a setting can have: what is accepted, what comes out, and the words of the
 * error otherwise. No message repeats a value that could hold a credential.
 */

/** What stands for the value in `--flag VALUE` of the help. */
export const placeholders = z.registry<{ text: string }>();

/** `host:port`, `:port` (then host is '', all interfaces), `[IPv6]:port`; port 0 is any free one. */
export const address = z
  .string({ error: 'expects an address such as 127.0.0.1:5673, [::1]:5673, or :5673 for all interfaces' })
  .transform((text, context) => {
    const found = hostAndPort(text);
    if (typeof found === 'string') return refuse(context, found);
    if (found.port === undefined) return refuse(context, 'has no port; expects host:port, or :port for all interfaces');
    return { host: found.host, port: found.port };
  })
  .register(placeholders, { text: 'ADDR' });

/** `amqp://host[:port]` or `amqps://host[:port]`, several separated by commas or as a list. */
export const upstreams = z
  .union([z.string(), z.array(z.string()).min(1)], {
    error: 'expects amqp://host:port or amqps://host:port, several separated by commas or as a list',
  })
  .transform((given, context): Upstream[] => {
    const texts = typeof given === 'string' ? [given] : given;
    // Before anything is taken apart: a password may hold commas, colons and slashes.
    if (texts.some((text) => text.includes('@')))
      return refuse(context, "must not hold credentials: the app's own pass through; remove user and password");
    const urls = texts.flatMap((text) => text.split(',')).map((url) => url.trim());
    return urls.map((url, index) => {
      const server = upstream(url);
      if (typeof server !== 'string') return server;
      return refuse(context, urls.length > 1 ? `server ${index + 1} of ${urls.length} ${server}` : server);
    });
  })
  .register(placeholders, { text: 'URL[,URL…]' });

function upstream(url: string): Upstream | string {
  const parts = /^(amqps?):\/\/([^/?#]*)(.*)$/s.exec(url);
  if (!parts) return 'is no AMQP address; expects amqp://host:port, or amqps://host:port for TLS';
  const [, scheme, authority, rest] = parts;
  if (rest !== '') return 'must end after host and port: the vhost is the choice of the app, and queries are not read';
  const found = hostAndPort(authority);
  if (typeof found === 'string') return found;
  if (found.host === '') return 'has no host; expects amqp://host:port, or amqps://host:port for TLS';
  if (found.port === 0) return 'has port 0; expects 1 to 65535';
  const tls = scheme === 'amqps';
  return { host: found.host, port: found.port ?? (tls ? 5671 : 5672), tls };
}

/** What is wrong with it, if a string comes back. */
function hostAndPort(text: string): { host: string; port?: number } | string {
  const parts = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(\d+))?$/.exec(text);
  if (!parts) return 'is no host and port; IPv6 addresses go in brackets, as in [::1]:5673';
  const [, ipv6, name = '', digits] = parts;
  if (ipv6 !== undefined && !isIPv6(ipv6)) return 'has no IPv6 address in its brackets';
  if (!/^[A-Za-z0-9._-]*$/.test(name)) return 'is no host and port; expects for example 127.0.0.1:5673';
  const host = ipv6 ?? name;
  if (digits === undefined) return { host };
  const port = Number(digits);
  return port > 65535 ? 'has a port over 65535' : { host, port };
}

const milliseconds = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
/** Timers of Node hold 31 bits of milliseconds and fire at once beyond. */
const longest = 2 ** 31 - 1;

/** `250ms`, `10s`, `1.5m`, `1h`, as milliseconds; a bare number says nothing about its unit and is refused. */
export function duration(least: '0s' | '1ms') {
  const error = 'expects a number with a unit (ms, s, m or h), such as 250ms or 10s';
  return z
    .string({ error })
    .regex(/^\d+(\.\d+)?(ms|s|m|h)$/, { error })
    .transform((text, context) => {
      const unit = text.replace(/^[\d.]+/, '') as keyof typeof milliseconds;
      const value = Math.round(Number.parseFloat(text) * milliseconds[unit]);
      if (value > longest) return refuse(context, 'expects at most 596h');
      return least === '1ms' && value < 1 ? refuse(context, 'expects at least 1ms') : value;
    })
    .register(placeholders, { text: 'DURATION' });
}

/** A duration, `auto` or `off`; off is never reached. */
export const slowness = z
  .string({ error: 'expects auto, off, or a number with a unit, such as 250ms' })
  .regex(/^(auto|off|\d+(\.\d+)?(ms|s|m|h))$/, {
    error: 'expects auto, off, or a number with a unit, such as 250ms',
  })
  .transform((text) => {
    if (text === 'auto') return 'auto' as const;
    if (text === 'off') return Number.POSITIVE_INFINITY;
    const unit = text.replace(/^[\d.]+/, '') as keyof typeof milliseconds;
    return Number.parseFloat(text) * milliseconds[unit];
  })
  .register(placeholders, { text: 'DURATION|auto|off' });

export function count(least: number) {
  const error = `expects a whole number, ${least} or more`;
  return z.int({ error }).min(least, { error }).register(placeholders, { text: 'NUMBER' });
}

/** `auto`: as many as the process has processors. */
export const workers = z
  .union([z.int().min(1).max(64), z.literal('auto')], { error: 'expects a whole number from 1 to 64, or auto' })
  .register(placeholders, { text: 'NUMBER|auto' });

export function oneOf<const T extends readonly string[]>(...choices: T) {
  return z
    .enum(choices, {
      error: ({ input }) =>
        `expects ${choices.slice(0, -1).join(', ')} or ${choices.at(-1)}${typeof input === 'string' ? didYouMean(input, choices) : ''}`,
    })
    .register(placeholders, { text: choices.join('|') });
}

export const lossMode = oneOf('off', 'returns', 'confirms');

export const onOff = z.boolean({ error: 'expects true or false' }).register(placeholders, { text: 'true|false' });

export const text = z
  .string({ error: 'expects text; put quotes around a number' })
  .min(1, { error: 'is empty; leave it out or give it a value' })
  .register(placeholders, { text: 'TEXT' });

/** Path of a file that someone else reads. */
export const file = text.clone().register(placeholders, { text: 'FILE' });

/** What can stand behind `Authorization: Bearer`. */
export const tokenPattern = /^[\x21-\x7e]+$/;
export const token = z
  .string({ error: 'expects text; put quotes around a number' })
  .regex(tokenPattern, { error: 'expects visible ASCII characters without spaces' })
  .register(placeholders, { text: 'TOKEN' });

/** Names that a Host header may have. */
const names = z.array(
  z
    .string({ error: 'expects a name' })
    .min(1, { error: 'is empty' })
    .max(255, { error: 'is longer than any name of a header' }),
  { error: 'expects a list of names' },
);

export const texts = names.register(placeholders, { text: 'NAME[,NAME…]' });

/** So many texts are the most that is told of a message. */
const MOST_SHOWN = 16;
export const shownHeaders = names
  .max(MOST_SHOWN, { error: `is too long: at most ${MOST_SHOWN} headers are shown` })
  .register(placeholders, { text: 'NAME[,NAME…]' });

export const hosts = z
  .array(
    z
      .string({ error: 'expects a name such as metrics.example.com' })
      .regex(/^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/i, {
        error: 'expects a name such as metrics.example.com, without scheme and port',
      }),
    { error: 'expects a list of names, such as [metrics.example.com]' },
  )
  .min(1, { error: 'expects at least one name' })
  .register(placeholders, { text: 'NAME[,NAME…]' });

const mostBaggageKeys = 16;
/** Keys of baggage, as W3C has them: tokens. */
export const baggageKeys = z
  .array(
    z
      .string({ error: 'expects a key such as tenant' })
      .regex(/^[\w!#$%&'*+.^`|~-]{1,128}$/, { error: 'expects a key of baggage: no spaces, commas or equals signs' }),
    { error: 'expects a list of keys, such as [tenant, region]' },
  )
  .max(mostBaggageKeys, { error: `expects at most ${mostBaggageKeys} keys` })
  .register(placeholders, { text: 'KEY[,KEY…]' });

const bytes = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

/** `512KiB`, `16MiB`, `1GiB`, as bytes. */
export function size(most: string) {
  const error = 'expects a whole number with a unit (KiB, MiB or GiB), such as 16MiB';
  const read = (text: string): number => Number.parseInt(text, 10) * bytes[text.slice(-3) as keyof typeof bytes];
  return z
    .string({ error })
    .regex(/^\d{1,9}(KiB|MiB|GiB)$/, { error })
    .transform((text, context) => (read(text) <= read(most) ? read(text) : refuse(context, `expects at most ${most}`)))
    .register(placeholders, { text: 'SIZE' });
}

/** `http://host[:port]` or `https://host[:port]`, several separated by commas or as a list. */
export const peers = z
  .union([z.string(), z.array(z.string())], { error: 'expects a list of admin URLs, such as [http://orders:9673]' })
  .transform((given, context): Peer[] => {
    const urls = (typeof given === 'string' ? given.split(',') : given).map((url) => url.trim());
    return urls.filter((url) => url !== '').map((url) => peer(url) ?? refuse(context, NO_PEER));
  })
  .register(placeholders, { text: 'ADMIN-URL[,ADMIN-URL…]' });

const NO_PEER =
  'expects admin URLs such as http://orders:9673, without path and credentials: the token is that of admin.token';

function peer(text: string): Peer | undefined {
  const url = /^https?:\/\/[^/@?#]+\/?$/.test(text) ? URL.parse(text) : null;
  if (url === null) return undefined;
  const tls = url.protocol === 'https:';
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  return { host, port: Number(url.port || (tls ? 443 : 80)), tls };
}

const mostBuckets = 50;
/** Upper bounds of a histogram's buckets, seconds. */
export const buckets = z
  .array(z.number({ error: 'expects numbers of seconds' }).positive({ error: 'expects bounds above 0' }), {
    error: 'expects a list of upper bounds in seconds, such as [0.01, 0.1, 1]',
  })
  .min(1, { error: 'expects at least one bound' })
  .max(mostBuckets, { error: `expects at most ${mostBuckets} bounds` })
  .refine((bounds) => bounds.every((bound, index) => index === 0 || bound > bounds[index - 1]), {
    error: 'expects bounds in ascending order, each once',
  })
  .register(placeholders, { text: 'SECONDS[,SECONDS…]' });

function refuse(context: z.RefinementCtx, message: string): never {
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
}
