/** What a peer speaks that does not speak AMQP 0-9-1, as far as its first bytes tell. */
export type Speech =
  | 'TLS'
  | 'HTTP'
  | 'AMQP 1.0'
  | 'another version of AMQP'
  | 'the PROXY protocol'
  | 'STOMP'
  | 'MQTT'
  | "RabbitMQ's stream protocol"
  | 'SSH'
  | 'Redis'
  | 'PostgreSQL'
  | 'MySQL'
  | 'something unknown';

/** Of protocols that are text: how they begin. */
const TEXT: readonly (readonly [Speech, RegExp])[] = [
  ['HTTP', /^((GET|HEAD|POST|PUT|DELETE|OPTIONS|PATCH|TRACE) |HTTP\/|PRI \* HTTP|CONNECT [^\r\n])/],
  ['the PROXY protocol', /^PROXY (TCP|UNKNOWN)/],
  ['STOMP', /^(CONNECT|STOMP|CONNECTED|ERROR) ?\r?\n/],
  ['SSH', /^SSH-/],
  ['Redis', /^(-(ERR|NOAUTH|DENIED)|\+(OK|PONG))/],
];

/** Of those that are not, in hexadecimal digits. */
const BYTES: readonly (readonly [Speech, RegExp])[] = [
  // a record: alert or handshake, version 3.x
  ['TLS', /^1[56]030[0-4]/],
  // AMQP, then an id, 1, 0, 0
  ['AMQP 1.0', /^414d51500[023]010000/],
  ['another version of AMQP', /^414d5150/],
  ['the PROXY protocol', /^0d0a0d0a000d0a515549540a/],
  // CONNECT: a length of 1 to 4 bytes, then MQTT or MQIsdp; CONNACK
  ['MQTT', /^(10(..){1,4}?00(044d515454|064d514973)|20020[01]0[0-5])/],
  // a frame's length, then the command to begin with, peer properties, in version 1
  ["RabbitMQ's stream protocol", /^00(..){3}00110001/],
  // E or R, and a length
  ['PostgreSQL', /^(45|52)0000/],
  // a packet's length, number 0, a greeting of protocol 10 and a version
  ['MySQL', /^(..){2}00000a3[0-9]/],
];

/** As many bytes of its opening as are looked at. */
export const OPENING = 24;

export function speechOf(opening: Uint8Array): Speech {
  const bytes = Buffer.from(opening.subarray(0, OPENING));
  const [text, hex] = [bytes.toString('latin1'), bytes.toString('hex')];
  const found = TEXT.find(([, begins]) => begins.test(text)) ?? BYTES.find(([, begins]) => begins.test(hex));
  return found?.[0] ?? 'something unknown';
}
