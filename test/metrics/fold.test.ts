import fc from 'fast-check';
import { expect, test } from 'vitest';
import { foldName } from '../../src/telemetry/metrics/fold.ts';

const UUID = '3f2c9a60-4b1d-4c8e-9f00-12ab34cd56ef';

test.each([
  ['direct reply-to', 'amq.rabbitmq.reply-to.g1h3AkFlcmFjZQ.x==', 'amq.rabbitmq.reply-to'],
  ['direct reply-to, as consumed from', 'amq.rabbitmq.reply-to', 'amq.rabbitmq.reply-to'],
  ['named by the server', 'amq.gen-JzTY20BRgKO-HjmUJj0wLg', 'amq.gen-*'],
  ['Spring AMQP', 'spring.gen-1Rx9HOqvTAaHeeZrQWu8Pg', 'spring.gen-*'],
  ['Spring Cloud Stream', 'orders.anonymous.UKbWLR6nRZ2gKu6nzXAyyA', 'orders.anonymous.*'],
  ['STOMP', 'stomp-subscription-sAKUmZPbKqZfLkj5MZ0Qzg', 'stomp-subscription-*'],
  ['MassTransit', 'HOST1_OrderService_bus_kbdyyyfp5jkqd4a4bdqgqidibq', 'HOST1_OrderService_bus_*'],
  ['Celery', `${UUID}.reply.celery.pidbox`, '*.reply.celery.pidbox'],
  ['EasyNetQ', `easynetq.response.${UUID}`, 'easynetq.response.*'],
  ['UUID behind a dash', `reply-${UUID}`, 'reply-*'],
  ['UUID behind an underscore', `bus-shop-host_${UUID}`, 'bus-shop-host_*'],
  ['UUID behind nothing', `reply${UUID}`, 'reply*'],
  ['UUID in capitals', `reply.${UUID.toUpperCase()}`, 'reply.*'],
  ['UUID and nothing else', UUID, '*'],
  ['32 hex digits', 'reply_3f2c9a604b1d4c8e9f0012ab34cd56ef', 'reply_*'],
  ['16 hex digits', 'reply.3f2c9a604b1d4c8e', 'reply.*'],
  ['hex digits and nothing else', '3f2c9a604b1d4c8e', '*'],
])('%s: %s is counted as %s', (_, name, folded) => {
  expect(foldName(name)).toBe(folded);
});

test.each([
  ['', 'the default exchange and an empty key'],
  ['orders', 'a plain name'],
  ['order.created.v2', 'a version'],
  ['reply.3f2c9a604b1d4c8', '15 hex digits'],
  [`${UUID}.orders`, 'an id in front'],
  ['reply.3f2c9a60-4b1d-4c8e-12ab34cd56ef', 'no UUID, a group is missing'],
  ['shop_internationalizationmanager', 'one long word, 26 letters without a digit'],
  ['amq.topic', "the broker's own exchange"],
  ['orders.anonymous', 'no id'],
  ['orders.anonymous.short', 'too short an id'],
])('%s stays as it is: %s', (name) => {
  expect(foldName(name)).toBe(name);
});

test('folding twice changes nothing', () => {
  const name = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc
      .tuple(fc.constantFrom('', 'a.', 'amq.gen-', 'x_'), fc.oneof(fc.uuid(), fc.stringMatching(/^[0-9a-f]{16,40}$/)))
      .map((p) => p.join('')),
  );
  fc.assert(
    fc.property(name, (text) => {
      expect(foldName(foldName(text))).toBe(foldName(text));
    }),
  );
});

test('any stem and UUID fold into one name a stem', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[a-z]+[._-]$/), fc.uuid(), fc.uuid(), (stem, a, b) => {
      expect(foldName(stem + a)).toBe(`${stem}*`);
      expect(foldName(stem + b)).toBe(foldName(stem + a));
    }),
  );
});
