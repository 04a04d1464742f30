import { viewOf } from '../../amqp/bytes.ts';
import type { ContentHeader } from '../../amqp/content.ts';
import { type FieldTable, MalformedError, readTable, readU32, skipValue } from '../../amqp/fields.ts';
import { X_DEATH } from '../ports/interceptor.ts';

/** What an x-death header says: its newest entry, and how often the message died in all. */
export interface Deaths {
  /** '' if it names none */
  queue: string;
  reason: string;
  /**
   * Seconds since the epoch; 0 if it says none. Before RabbitMQ 4.0 this is the first time that the message died in
   * this queue for this reason, however often it did since (docs/broker-facts.md#dead-letters).
   */
  time: number;
  count: number;
  /** ms after which the message was to expire, as its publisher said; NaN: it did not */
  expiration: number;
}

/** The broker keeps an entry of x-death for each queue and reason; a publisher can write as many as fit into a frame. */
const MAX_DEATHS = 16;
/** No queue has a longer name, and no reason; it is kept for as long as the delivery is open. */
const MAX_NAME = 255;

const NONE: Deaths = { queue: '', reason: '', time: 0, count: 0, expiration: Number.NaN };

/** A header that is not as brokers write it says nothing: it is an app's. */
export function readDeaths(header: ContentHeader): Deaths {
  const { buf } = header;
  const at = header.value(X_DEATH);
  // an array (A) of tables (F)
  if (buf[at] !== 0x41) return NONE;
  const end = at + 5 + readU32(buf, at + 1);
  const view = viewOf(buf);
  let newest: FieldTable | undefined;
  let count = 0;
  try {
    for (let p = at + 5, read = 0; read < MAX_DEATHS && p < end && buf[p] === 0x46; read++) {
      const next = skipValue(view, p, end);
      if (next < 0) break;
      const entry = readTable(buf, p + 1, next);
      newest ??= entry;
      count += 'count' in entry ? integer(entry.count) : 1;
      p = next;
    }
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
  }
  if (newest === undefined) return NONE;
  const { queue, reason, time, 'original-expiration': expiration } = newest;
  return {
    queue: string(queue),
    reason: string(reason),
    time: integer(time),
    count,
    expiration: typeof expiration === 'string' && /^\d{1,15}$/.test(expiration) ? Number(expiration) : Number.NaN,
  };
}

const string = (value: FieldTable[string] | undefined): string =>
  typeof value === 'string' && value.length <= MAX_NAME ? value : '';

function integer(value: FieldTable[string] | undefined): number {
  const number = typeof value === 'bigint' ? Number(value) : value;
  return typeof number === 'number' && Number.isSafeInteger(number) ? number : 0;
}

// The digest of an x-death: 8 bits, of which these say the sum of its counts, its time, and the route.
const COUNTS = 16;
const TIMES = 2;
const ROUTES = 8;

/** Of a message with this x-death that is published to, or delivered with, these names. */
export function digestOf({ count, time }: Pick<Deaths, 'count' | 'time'>, { exchange, routingKey }: Names): number {
  let route = 7;
  for (const name of [exchange, '\0', routingKey]) {
    for (let i = 0; i < name.length; i++) route = (Math.imul(route, 31) + name.charCodeAt(i)) >>> 0;
  }
  route = (route ^ (route >>> 15)) >>> 0;
  return (count % COUNTS) + COUNTS * ((time % TIMES) + TIMES * (route % ROUTES));
}

interface Names {
  readonly exchange: string;
  readonly routingKey: string;
}

/** Clocks of a broker and of a sidecar differ by less, or no comparison of their times tells anything. */
const SKEW_S = 5;

/**
 * Whether a message with this x-death and this stamp has died since it was stamped. `carried` is the digest that the
 * stamp has of the x-death it was published with, `found` that of the message as it is now.
 */
export function diedSince(stamp: number, carried: number, { time }: Deaths, found: number): boolean {
  const published = Math.floor(stamp / 1e6);
  // what is there, a broker wrote since; unless no broker's clock can be so far behind
  if (carried < 0) return time === 0 || time >= published - SKEW_S;
  const isOther = carried % (COUNTS * TIMES) !== found % (COUNTS * TIMES);
  if (isOther || time > published + SKEW_S) return true;
  // RabbitMQ 4 counts from 1 again: one that dies as often as before, at once, comes from elsewhere
  return carried !== found && time >= published;
}
