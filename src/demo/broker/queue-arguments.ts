import type { Field } from '../../amqp/encode.ts';
import { described, fieldValue, typeName } from './fields.ts';
import { Refusal } from './refusal.ts';

/** What a queue's arguments ask for; Infinity where they ask for nothing. */
export interface QueueLimits {
  messageTtl: number;
  expires: number;
  maxLength: number;
  maxLengthBytes: number;
  maxPriority: number;
  overflow: 'drop-head' | 'reject-publish' | 'reject-publish-dlx';
  deadLetterExchange: string | undefined;
  deadLetterRoutingKey: string | undefined;
  singleActiveConsumer: boolean;
}

const NUMBERS = {
  'x-message-ttl': { least: 0, refusal: 'value_negative' },
  'x-expires': { least: 1, refusal: 'value_zero' },
  'x-max-length': { least: 0, refusal: 'value_negative' },
  'x-max-length-bytes': { least: 0, refusal: 'value_negative' },
  'x-max-priority': { least: 0, refusal: 'value_negative' },
} as const;
const INTEGER = 'bBsuIilL';

/** What the equivalence of two declarations is judged by. */
export const COMPARED_ARGUMENTS = [
  'x-expires',
  'x-message-ttl',
  'x-dead-letter-exchange',
  'x-dead-letter-routing-key',
  'x-max-length',
  'x-max-length-bytes',
  'x-max-priority',
  'x-overflow',
  'x-queue-mode',
  'x-single-active-consumer',
  'x-queue-type',
];

/** Throws a Refusal for arguments that RabbitMQ refuses too, and for queues that this broker has not. */
export function queueLimits(queue: string, vhost: string, args: readonly Field[]): QueueLimits {
  const refuse = (name: string, why: string) =>
    new Refusal('PRECONDITION_FAILED', `invalid arg '${name}' for queue '${queue}' in vhost '${vhost}': ${why}`);
  const find = (name: string) => args.find((field) => field.name === name);
  const number = (name: keyof typeof NUMBERS, otherwise = Number.POSITIVE_INFINITY) => {
    const field = find(name);
    if (field === undefined) return otherwise;
    if (!INTEGER.includes(field.type)) throw refuse(name, `"expected integer, got ${typeName(field)}"`);
    const value = Number(fieldValue(field));
    if (value < 0) throw refuse(name, `{value_negative,${value}}`);
    if (value < NUMBERS[name].least) throw refuse(name, `{${NUMBERS[name].refusal},${value}}`);
    return value;
  };
  const text = (name: string) => {
    const field = find(name);
    if (field !== undefined && field.type !== 'S') {
      const words = `invalid type '${typeName(field)}' for arg '${name}' in queue '${queue}' in vhost '${vhost}'`;
      throw new Refusal('PRECONDITION_FAILED', words);
    }
    return field && String(fieldValue(field));
  };

  const type = text('x-queue-type');
  if (type !== undefined && type !== 'classic') {
    throw new Refusal('NOT_IMPLEMENTED', `the demo broker has no queues of type '${type}', only classic ones`);
  }
  const deadLetterExchange = text('x-dead-letter-exchange');
  const deadLetterRoutingKey = text('x-dead-letter-routing-key');
  if (deadLetterRoutingKey !== undefined && deadLetterExchange === undefined) {
    throw refuse('x-dead-letter-routing-key', 'routing_key_but_no_dlx_defined');
  }
  const overflow = text('x-overflow') ?? 'drop-head';
  if (overflow !== 'drop-head' && overflow !== 'reject-publish' && overflow !== 'reject-publish-dlx') {
    throw refuse('x-overflow', 'invalid_overflow');
  }
  const single = find('x-single-active-consumer');
  return {
    messageTtl: number('x-message-ttl'),
    expires: number('x-expires'),
    maxLength: number('x-max-length'),
    maxLengthBytes: number('x-max-length-bytes'),
    maxPriority: number('x-max-priority', 0),
    overflow,
    deadLetterExchange,
    deadLetterRoutingKey,
    singleActiveConsumer: single !== undefined && fieldValue(single) === true,
  };
}

/** Throws a Refusal, in RabbitMQ's words, where a declaration asks for other arguments than `what` was made with. */
export function assertSameArguments(
  what: string,
  names: readonly string[],
  made: readonly Field[],
  declared: readonly Field[],
): void {
  for (const name of names) {
    const current = made.find((field) => field.name === name);
    const received = declared.find((field) => field.name === name);
    if (current === undefined && received === undefined) continue;
    if (current === undefined || received === undefined) {
      const words = `received ${described(received)} but current is ${described(current)}`;
      throw new Refusal('PRECONDITION_FAILED', `inequivalent arg '${name}' for ${what}: ${words}`);
    }
    // numbers are compared by value, whatever type they were written in
    assertSame(what, name, String(fieldValue(current)), String(fieldValue(received)));
  }
}

/** The same for what is no argument. */
export function assertSame(what: string, name: string, current: boolean | string, received: boolean | string): void {
  if (current === received) return;
  throw new Refusal(
    'PRECONDITION_FAILED',
    `inequivalent arg '${name}' for ${what}: received '${received}' but current is '${current}'`,
  );
}
