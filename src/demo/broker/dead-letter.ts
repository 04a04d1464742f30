import { arrayField, type Field, longstr, longstrField, numberField, tableBytes } from '../../amqp/encode.ts';
import { fieldValue, readFields, sorted, stringsOf, withField } from './fields.ts';
import type { Message } from './message.ts';

export type DeathReason = 'expired' | 'maxlen' | 'rejected';

interface Death {
  queue: string;
  reason: string;
  fields: Field[];
}

/**
 * The message as it goes on from `queue`, with its history in x-death, the newest first; undefined if it has come
 * round to a queue of its history without a client's having rejected it on the way.
 */
export function deadLetter(
  message: Message,
  queue: string,
  reason: DeathReason,
  exchange: string,
  key: string | undefined,
): Message {
  const { properties } = message;
  const headers = properties.headers;
  const deaths = deathsIn(headers);
  const same = deaths.find((death) => death.queue === queue && death.reason === reason);
  const others = deaths.filter((death) => death !== same).map(({ fields }) => fields);
  let newest = same ? counted(same.fields) : firstDeath(message, queue, reason);
  // RabbitMQ sorts what it adds to a history, and leaves the first entry as it made it
  if (deaths.length > 0) newest = sorted(newest);
  let changed = withField(headers, arrayField('x-death', 'F', [newest, ...others].map(tableBytes)));
  for (const [name, value] of [
    ['x-first-death-reason', reason],
    ['x-first-death-queue', queue],
    ['x-first-death-exchange', message.exchange],
  ]) {
    if (same === undefined && deaths.length === 0 && !headers.some((field) => field.name === name)) {
      changed = withField(changed, longstrField(name, value));
    }
  }
  if (key !== undefined) changed = changed.filter(({ name }) => name !== 'CC');
  return {
    exchange,
    routingKey: key ?? message.routingKey,
    properties: properties.withHeaders(changed).withText('expiration', undefined),
    body: message.body,
  };
}

/** It was in this queue before, and nobody rejected it since: it would go round for ever. */
export function goesInCircles(message: Message, queue: string): boolean {
  const deaths = deathsIn(message.properties.headers);
  const last = deaths.findIndex((death) => death.queue === queue);
  return last >= 0 && deaths.slice(0, last + 1).every(({ reason }) => reason !== 'rejected');
}

function deathsIn(headers: readonly Field[]): Death[] {
  const field = headers.findLast(({ name }) => name === 'x-death');
  if (field?.type !== 'A') return [];
  const deaths: Death[] = [];
  for (let p = 4; p < field.value.length; ) {
    // what is no table was not written by a broker
    if (field.value[p] !== 0x46) break;
    const fields = readFields(field.value, p + 1);
    const said = (name: string) => {
      const found = fields.find((each) => each.name === name);
      return found === undefined ? '' : String(fieldValue(found));
    };
    deaths.push({ queue: said('queue'), reason: said('reason'), fields });
    p += 5 + field.value.readUInt32BE(p + 1);
  }
  return deaths;
}

function firstDeath({ exchange, routingKey, properties }: Message, queue: string, reason: string): Field[] {
  const keys = [routingKey, ...stringsOf(properties.header('CC'))];
  const expiration = properties.text('expiration');
  return [
    numberField('count', 'l', 1),
    longstrField('reason', reason),
    longstrField('queue', queue),
    numberField('time', 'T', Math.floor(Date.now() / 1000)),
    longstrField('exchange', exchange),
    arrayField(
      'routing-keys',
      'S',
      keys.map((each) => longstr(Buffer.from(each))),
    ),
    ...(expiration === undefined ? [] : [longstrField('original-expiration', expiration)]),
  ];
}

const counted = (fields: readonly Field[]): Field[] =>
  fields.map((field) => (field.name === 'count' ? numberField('count', 'l', Number(fieldValue(field)) + 1) : field));
