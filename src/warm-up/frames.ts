import {
  contentFrames,
  flagField,
  longstrField,
  methodFrame,
  numberField,
  shortstr,
  tableBytes,
  tableField,
} from '../amqp/encode.ts';
import { FRAME_HEAD } from '../amqp/spec.ts';

// What a client says, and a broker that says yes.

const CHANNEL = 1;
const FRAME_MAX = 131_072;
const LIMITS = { channelMax: 2047, frameMax: FRAME_MAX, heartbeat: 60 };
const CAPABILITIES = ['publisher_confirms', 'basic.nack', 'consumer_cancel_notify', 'connection.blocked'];
const QUEUE = 'warm-up';
const TAG = 'amq.ctag-warm-up';
const BODY = Buffer.alloc(100);

export const app = {
  startOk: methodFrame('connection.start-ok', 0, {
    clientProperties: tableBytes([
      longstrField('product', 'warm-up'),
      tableField('capabilities', CAPABILITIES.map(flagField)),
    ]),
    mechanism: 'PLAIN',
    locale: 'en_US',
  }),
  tuneOk: methodFrame('connection.tune-ok', 0, LIMITS),
  open: methodFrame('connection.open', 0, { virtualHost: '/' }),
  channelOpen: methodFrame('channel.open', CHANNEL),
  confirmSelect: methodFrame('confirm.select', CHANNEL),
  qos: methodFrame('basic.qos', CHANNEL, { prefetchCount: 100 }),
  consume: (noAck: boolean) => methodFrame('basic.consume', CHANNEL, { queue: QUEUE, consumerTag: TAG, noAck }),
};

export const broker = {
  start: methodFrame('connection.start', 0, { versionMinor: 9, mechanisms: 'PLAIN', locales: 'en_US' }),
  tune: methodFrame('connection.tune', 0, LIMITS),
  openOk: methodFrame('connection.open-ok', 0),
  channelOpenOk: methodFrame('channel.open-ok', CHANNEL),
  confirmSelectOk: methodFrame('confirm.select-ok', CHANNEL),
  qosOk: methodFrame('basic.qos-ok', CHANNEL),
  consumeOk: methodFrame('basic.consume-ok', CHANNEL, { consumerTag: TAG }),
};

/** A settlement of the app, or a confirm of the broker. */
export const ack = (deliveryTag: number, multiple: boolean): Buffer =>
  methodFrame('basic.ack', CHANNEL, { deliveryTag, multiple });

const CONTENT_TYPE = 0x8000;
const HEADERS = 0x2000;
const DELIVERY_MODE = 0x1000;

function content(headers: Buffer): Buffer[] {
  const flags = Buffer.alloc(2);
  flags.writeUInt16BE(CONTENT_TYPE | HEADERS | DELIVERY_MODE);
  const values = [shortstr('application/json'), headers, Buffer.of(2)];
  return contentFrames(CHANNEL, Buffer.concat([flags, ...values]), BODY, FRAME_MAX);
}

/** Names of a message. */
export interface Names {
  exchange: string;
  routingKey: string;
}

export const publish = (names: Names): Buffer =>
  Buffer.concat([methodFrame('basic.publish', CHANNEL, { ...names }), ...content(tableBytes([]))]);

/** As a Tracehare had it published, `sentAt` microseconds since the epoch. */
export const deliver = (names: Names, sentAt: number): Buffer =>
  Buffer.concat([
    methodFrame('basic.deliver', CHANNEL, { consumerTag: TAG, ...names }),
    ...content(
      tableBytes([
        longstrField('traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00'),
        numberField('x-tracehare-sent', 'l', sentAt),
      ]),
    ),
  ]);

/** Offset of the delivery tag in a basic.deliver frame: behind the frame's and the method's heads and the consumer tag. */
export const DELIVERY_TAG_AT = FRAME_HEAD + 4 + shortstr(TAG).length;
/** Offset of the delivery tag in a basic.ack frame. */
export const ACK_TAG_AT = FRAME_HEAD + 4;
