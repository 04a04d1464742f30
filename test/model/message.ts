import {
  bits,
  body,
  decodeHeader,
  type Entry,
  encodeHeader,
  entry,
  HEADER,
  type Header,
  isMethod,
  method,
  short,
  string,
  u16,
  u64,
} from '../../testing/wire.ts';
import { type Publish, RETURNED } from './ledger.ts';

/** Frames of a publish, as its app sends it and as it comes back. `number`: of the publish among all of a run. */
export interface Message {
  number: number;
  publish: Publish;
  method: Buffer;
  header: Header;
  bodies: Buffer[];
  /** its own trace context; '' without */
  traceId: string;
  parentSpanId: string;
  traceState: string;
  messageId: string;
  correlationId: string;
}

const HEADERS = 0x2000;
const NAMED = 0x0480;
const EXPIRES = 0x0100;
/** of stamps that an app copied along */
const COPIED = 1_700_000_000_000_000;
const SENT = 'x-tracehare-sent';
/** how a traceparent of an app's own begins */
const OWN = `00-${'a'.repeat(24)}`;

export function messageOf(publish: Publish, number: number): Message {
  const { route, channel, size, mandatory, context, copied, table, named, expires } = publish;
  const traceId = context === 'none' ? '' : number.toString(16).padStart(32, 'a');
  const parentSpanId = context === 'none' ? '' : number.toString(16).padStart(16, 'b');
  const traceState = context === 'sampled' && number % 2 === 0 ? `t=${number}` : '';
  const entries: Entry[] = [];
  if (copied !== 'none') entries.push(entry(SENT, 'l', u64(COPIED + (copied === 'odd' ? 1 : 0))));
  if (table === 'own') entries.push(string('x-order', `${number}`));
  if (traceId !== '') {
    entries.push(string('traceparent', `00-${traceId}-${parentSpanId}-0${context === 'sampled' ? 1 : 0}`));
  }
  if (traceState !== '') entries.push(string('tracestate', traceState));
  const messageId = named ? `m${number}` : '';
  const correlationId = named ? `c${number}` : '';
  const hasTable = table !== 'none' || entries.length > 0;
  return {
    number,
    publish,
    method: method(channel.id, 60, 40, u16(0), short(route.exchange), short(route.key), bits(mandatory, false)),
    header: {
      channel: channel.id,
      classId: 60,
      weight: 0,
      bodySize: BigInt(size),
      flags: [(hasTable ? HEADERS : 0) | (named ? NAMED : 0) | (expires ? EXPIRES : 0)],
      before: Buffer.alloc(0),
      entries: hasTable ? entries : undefined,
      after: Buffer.concat([
        ...(named ? [short(correlationId)] : []),
        ...(expires ? [short('soon')] : []),
        ...(named ? [short(messageId)] : []),
      ]),
    },
    bodies: size > 0 ? [body(channel.id, Buffer.alloc(size, number))] : [],
    traceId,
    parentSpanId,
    traceState,
    messageId,
    correlationId,
  };
}

export const framesOf = ({ method, header, bodies }: Message): Buffer[] => [method, encodeHeader(header), ...bodies];

const isSent = ({ key }: Entry): boolean => key.toString() === SENT;

/** How `textOf` shows our stamp, which says what of a message is ours. */
function stampText({ shadow, context }: Publish, hadTable: boolean): string {
  if (shadow) return ourStamp(1);
  if (!hadTable) return ourStamp(3);
  return ourStamp(context === 'none' ? 2 : 0);
}

const ourStamp = (origin: number): string =>
  ['our stamp', 'our stamp, asked by us', 'our stamp and context', 'all ours'][origin];

/** What goes to the broker; times and ids of ours as `textOf` blanks them. */
export function forwarded({ publish, method: frame, header, bodies }: Message): string[] {
  const { route, shadow, mandatory, context, sampled } = publish;
  const asked = Buffer.from(frame);
  if (mandatory || shadow) asked[asked.length - 2] |= 1;
  if (!route.propagates) return [asked, encodeHeader(header), ...bodies].map((each) => textOf(each));
  const { entries = [] } = header;
  const stamp = stampText(publish, header.entries !== undefined);
  // one that was copied along is written over, any other goes behind what is there
  const table = entries.map((each) => (isSent(each) ? stamp : entryText(each)));
  if (!entries.some(isSent)) table.push(stamp);
  if (context === 'none') table.push(`our context ${sampled ? '01' : '00'}`);
  const changed = { ...header, flags: [header.flags[0] | HEADERS] };
  return [textOf(asked), headerText(changed, table), ...bodies.map((each) => textOf(each))];
}

export const returnMethod = ({ publish: { channel, route } }: Message): Buffer =>
  method(channel.id, 60, 50, u16(RETURNED.code), short(RETURNED.text), short(route.exchange), short(route.key));

/** What comes back to an app that asked for it: what it sent. */
export const returned = (message: Message): string[] =>
  [returnMethod(message), encodeHeader(message.header), ...message.bodies].map((each) => textOf(each));

/** Trace and span of the context in a content header; '' without. */
export function contextOf(frame: Buffer): { traceId: string; spanId: string } {
  const found = decodeHeader(frame).entries?.find(({ key }) => key.toString() === 'traceparent');
  const [, traceId = '', spanId = ''] = found?.value.subarray(4).toString().split('-') ?? [];
  return { traceId, spanId };
}

/** A frame that can be read in a failure. `now`: microseconds, the stamp of what passes just now. */
export function textOf(frame: Buffer, now = Number.NaN): string {
  if (frame[0] !== HEADER) {
    const names = isMethod(frame, 60, 40) ? 'publish ' : isMethod(frame, 60, 50) ? 'return ' : '';
    return names + frame.toString('latin1').replace(/[^ -~]/g, (c) => `\\${c.charCodeAt(0).toString(16)}`);
  }
  const header = decodeHeader(frame);
  const table = header.entries?.map((each) => {
    if (isSent(each)) {
      const stamp = Number(each.value.readBigUInt64BE());
      // its last bits tell what of the message is ours; none of them has an x-death
      return stamp - (stamp % 4) === now - (now % 8) ? ourStamp(stamp % 4) : entryText(each);
    }
    const context = each.value.subarray(4).toString();
    const flag = /^00-[0-9a-f]{32}-[0-9a-f]{16}-(0[01])$/.exec(context)?.[1];
    // those of the apps have a pattern of their own
    return flag === undefined || context.startsWith(OWN) ? entryText(each) : `our context ${flag}`;
  });
  return headerText(header, table);
}

const entryText = ({ key, type, value }: Entry): string => `${key}:${type}:${value.toString('latin1')}`;

function headerText({ channel, bodySize, flags, before, after }: Header, table: string[] | undefined): string {
  return `header ${JSON.stringify({ channel, size: Number(bodySize), flags, before: `${before}`, table, after: `${after}` })}`;
}
