import { keyOf } from '../../amqp/spec.ts';
import { EXPIRATION, IMMEDIATE, USER_ID } from './publish-marks.ts';

/** Which publishes the broker may mean by a refusal. */
export interface Suspects {
  /** the exchange; undefined: not told */
  exchange?: string;
  /** only the beginning of the exchange's name: a reply's text has 255 bytes */
  isCut?: boolean;
  /** undefined: not told */
  routingKey?: string;
  /** bytes of the body */
  size?: number;
  /** one of these marks is on it */
  marks?: number;
}

/** What the broker refused when it closed a channel or connection because of a basic.publish. */
export interface Refusal {
  reason: 'no_exchange' | 'access_refused' | 'too_large' | 'invalid';
  suspects: Suspects;
}

/** What is known of a publish that may be meant. */
export interface Suspected {
  exchange: string;
  routingKey: string;
  size: number;
  marks: number;
}

const PUBLISH = keyOf('basic.publish');
/** Name under which RabbitMQ speaks of permissions on the default exchange. */
const DEFAULT_EXCHANGE = 'amq.default';

/** What a refusal that names neither exchange nor size can be about, by its text. */
const PROPERTIES: [RegExp, number][] = [
  [/invalid expiration/, EXPIRATION],
  [/user_id property/, USER_ID],
  [/immediate=true/, IMMEDIATE],
];

/**
 * Whether a close that names the method `failed` refuses a publish. 501 to 505 may name basic.publish too, but are about
 * frames, or a channel that is not open.
 */
export const refusesPublish = (code: number, failed: number): boolean =>
  failed === PUBLISH && (code < 501 || code > 505);

/** Reads the close that basic.publish caused. Texts as of RabbitMQ 3.10 to 4.3 (rabbit_channel.erl). */
export function refusalOf(code: number, reply: string): Refusal {
  if (code === 404) return { reason: 'no_exchange', suspects: exchangeOf(reply) };
  if (code === 403) {
    const suspects = exchangeOf(reply);
    if (suspects.exchange === DEFAULT_EXCHANGE) suspects.exchange = '';
    const topic = /topic '(.*)' in exchange/s.exec(reply)?.[1];
    return { reason: 'access_refused', suspects: topic === undefined ? suspects : { ...suspects, routingKey: topic } };
  }
  const size = /message size (\d+)/.exec(reply)?.[1];
  if (size !== undefined) return { reason: 'too_large', suspects: { size: Number(size) } };
  const marks = PROPERTIES.find(([text]) => text.test(reply))?.[1];
  return { reason: 'invalid', suspects: marks === undefined ? {} : { marks } };
}

function exchangeOf(reply: string): Suspects {
  const whole = /exchange '(.*)' in vhost/s.exec(reply)?.[1];
  if (whole !== undefined) return { exchange: whole };
  const begun = /exchange '([^']*)(?:'.*)?\.\.\.$/s.exec(reply)?.[1];
  return begun === undefined ? {} : { exchange: begun, isCut: true };
}

/** Whether `name` is the exchange that the broker told, or may be if it told only the beginning. */
export function isExchange(told: string, isCut: boolean | undefined, name: string): boolean {
  // a character that was cut through is none of the name's
  return name === told || (isCut === true && name.startsWith(told.replace(/\ufffd+$/, '')));
}

export function fits({ exchange, isCut, routingKey, size, marks }: Suspects, publish: Suspected): boolean {
  if (exchange !== undefined && !isExchange(exchange, isCut, publish.exchange)) return false;
  if (routingKey !== undefined && publish.routingKey !== routingKey) return false;
  if (size !== undefined && publish.size !== size) return false;
  return marks === undefined || (publish.marks & marks) !== 0;
}
