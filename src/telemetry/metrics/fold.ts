const DIRECT_REPLY_TO = 'amq.rabbitmq.reply-to';
/** Prefixes after which the broker or a library puts a random name and nothing else. */
const GENERATED = ['amq.gen-', 'spring.gen-', 'stomp-subscription-'];
const LONG_HEX = 16;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
/** Spring Cloud Stream's consumers without a group: destination.anonymous.<base64url of a UUID>. */
const SPRING_ANONYMOUS = /\.anonymous\.[\w-]{22}$/;
/** MassTransit's temporary queues: host_process_tag_<NewId in z-base-32>. */
const MASSTRANSIT = /_(?=[a-z]*\d)[13-9a-km-uw-z]{26}$/;
/** Celery's remote control: <UUID>.reply.celery.pidbox. */
const CELERY_REPLY = '.reply.celery.pidbox';

/**
 * The name under which a generated queue, exchange or routing key is counted: its stem and `*`, so
 * that temporary names share one series. Other names come back unchanged; folding twice changes
 * nothing.
 */
export function foldName(name: string): string {
  if (name.startsWith(`${DIRECT_REPLY_TO}.`)) return DIRECT_REPLY_TO;
  for (const prefix of GENERATED) if (name.startsWith(prefix)) return `${prefix}*`;
  if (name.endsWith(CELERY_REPLY)) return foldId(name.slice(0, -CELERY_REPLY.length)) + CELERY_REPLY;
  return foldId(name);
}

function foldId(name: string): string {
  const length = name.length;
  const hex = trailingHexDigits(name);
  if (hex === 12 && length >= 36 && UUID.test(name.slice(-36))) return `${name.slice(0, -36)}*`;
  if (hex >= LONG_HEX) return `${name.slice(0, length - hex)}*`;
  if (length > 26 && MASSTRANSIT.test(name.slice(-27))) return `${name.slice(0, -26)}*`;
  if (length > 33 && SPRING_ANONYMOUS.test(name.slice(-33))) return `${name.slice(0, -22)}*`;
  return name;
}

/** Counted by hand: an expression anchored only at the end would start anew at every character. */
function trailingHexDigits(name: string): number {
  let start = name.length;
  while (start > 0 && isHex(name.charCodeAt(start - 1))) start--;
  return name.length - start;
}

function isHex(code: number): boolean {
  return (code >= 48 && code <= 57) || (code >= 97 && code <= 102) || (code >= 65 && code <= 70);
}
