import { expect, test } from 'vitest';
import { ProtocolDetector } from '../../src/amqp/protocol.ts';
import { speechOf } from '../../src/amqp/stranger.ts';

test.each([
  // a ClientHello, and the alert that a TLS server answers plain text with
  ['TLS', '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03'],
  ['TLS', '\x15\x03\x03\0\x02\x02\x46'],
  ['HTTP', 'GET / HTTP/1.1\r\nHost: x\r\n'],
  ['HTTP', 'CONNECT mq:5672 HTTP/1.1\r\n'],
  ['HTTP', 'HTTP/1.1 400 Bad Request\r\n'],
  ['HTTP', 'PRI * HTTP/2.0\r\n\r\nSM'],
  ['AMQP 1.0', 'AMQP\x00\x01\x00\x00'],
  ['AMQP 1.0', 'AMQP\x03\x01\x00\x00'],
  ['another version of AMQP', 'AMQP\x01\x01\x00\x09'],
  ['the PROXY protocol', 'PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n'],
  ['the PROXY protocol', '\r\n\r\n\0\r\nQUIT\n\x21\x11'],
  ['STOMP', 'CONNECT\naccept-version:1.2\n'],
  ['STOMP', 'ERROR\nmessage:'],
  ['MQTT', '\x10\x10\0\x04MQTT\x05\x02\0\x3c'],
  ['MQTT', '\x10\x90\x01\0\x04MQTT\x04\x02'],
  ['MQTT', '\x20\x02\0\0'],
  ["RabbitMQ's stream protocol", '\0\0\0\x20\0\x11\0\x01\0\0\0\x01'],
  ['SSH', 'SSH-2.0-OpenSSH_9.2'],
  ['Redis', "-ERR unknown command 'AMQP'"],
  ['PostgreSQL', 'E\0\0\0\x50SFATAL'],
  ['MySQL', '\x4a\0\0\0\x0a8.0.36\0'],
  ['something unknown', 'hello'],
  ['something unknown', ''],
])('%s: %j', (speech, opening) => {
  expect(speechOf(Buffer.from(opening, 'latin1'))).toBe(speech);
});

test.each([
  ['app', 'GET /metrics HTTP/1.1', 'HTTP'],
  ['broker', 'HTTP/1.1 400 Bad Request', 'HTTP'],
  ['broker', '\x15\x03\x03\0\x02\x02\x46', 'TLS'],
] as const)('of an %s that opens with %j the detector hands on enough to tell', (by, opening, speech) => {
  const heard: string[] = [];
  const rest = { push: (_: Uint8Array, _start: number, end: number) => end, stop() {}, end() {} };
  const detector = new ProtocolDetector(
    by,
    () => {},
    (name, bytes) => {
      heard.push(name, speechOf(bytes));
      return rest;
    },
  );
  // somewhere in a chunk
  const chunk = Buffer.from(`...${opening}`, 'latin1');
  detector.push(chunk, 3, chunk.length);
  expect(heard).toEqual(['unknown', speech]);
});

test('of a peer that dribbles it hands on what has come', () => {
  const openings: string[] = [];
  const rest = { push: (_: Uint8Array, _start: number, end: number) => end, stop() {}, end() {} };
  const detector = new ProtocolDetector(
    'app',
    () => {},
    (_, bytes) => {
      openings.push(Buffer.from(bytes).toString('latin1'));
      return rest;
    },
  );
  for (const byte of 'AMQP\x01') detector.push(Buffer.from(byte, 'latin1'), 0, 1);
  for (const byte of '\x01\0\x09') detector.push(Buffer.from(byte, 'latin1'), 0, 1);
  expect(openings).toEqual(['AMQP\x01\x01\0\x09']);
});
