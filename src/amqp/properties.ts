import type { ContentHeader } from './content.ts';
import { type FieldTable, MalformedError, readTable, readU16, readU32, readU64, text } from './fields.ts';
import { FRAME_HEAD, properties } from './spec.ts';

/** Basic's properties by their names, without those that are absent; `timestamp` in seconds. */
export interface Properties {
  contentType?: string;
  contentEncoding?: string;
  deliveryMode?: number;
  priority?: number;
  correlationId?: string;
  replyTo?: string;
  expiration?: string;
  messageId?: string;
  timestamp?: number;
  type?: string;
  userId?: string;
  appId?: string;
}

/** Behind class, weight and body size. */
const FLAGS = FRAME_HEAD + 12;
const CONTINUATION = 1;

/** All properties but the headers, of a header that was read. Makes strings: not for every message. Throws MalformedError. */
export function readProperties(header: ContentHeader): Properties {
  const found: Properties = {};
  each(header, (name, type, at, next) => {
    if (type === 'table' || name === 'headers' || name === 'reserved') return;
    const { buf } = header;
    const value = type === 'octet' ? buf[at] : type === 'longlong' ? readU64(buf, at) : text(buf, at + 1, next);
    Object.assign(found, { [name]: value });
  });
  return found;
}

/** The headers table, empty if there is none. Throws MalformedError. */
export function readHeaders(header: ContentHeader): FieldTable {
  let table: FieldTable = Object.create(null);
  each(header, (_, type, at, next) => {
    if (type === 'table') table = readTable(header.buf, at, next);
  });
  return table;
}

type Each = (
  name: (typeof properties)[number][0],
  type: (typeof properties)[number][1],
  at: number,
  next: number,
) => void;

function each({ buf, start, end }: ContentHeader, tell: Each): void {
  const flags = readU16(buf, start + FLAGS);
  const stop = end - 1;
  let p = start + FLAGS + 2;
  for (let word = flags; (word & CONTINUATION) !== 0; p += 2) word = readU16(buf, p);
  for (const [i, [name, type]] of properties.entries()) {
    if ((flags & (0x8000 >>> i)) === 0) continue;
    let next = p + 1;
    if (type === 'longlong') next = p + 8;
    else if (type === 'table') next = p + 4 + readU32(buf, p);
    else if (type === 'shortstr') next += buf[p];
    if (!(next <= stop)) throw new MalformedError('property');
    tell(name, type, p, next);
    p = next;
  }
}
