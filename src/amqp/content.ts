import { copyBytes, NO_BYTES, NO_SLOTS, sameBytes, viewOf } from './bytes.ts';
import { readU32, skipValue, text, viewU64, writeU16, writeU32 } from './fields.ts';
import { FRAME_HEAD, FRAME_OVERHEAD, type PropertyName, properties } from './spec.ts';

/** Offsets in a content-header frame's payload. */
const BODY_SIZE = 4;
const FLAGS = 12;
const HEADERS_FLAG = 0x2000;
/** a delivery mode */
const PERSISTENT = 2;
const CONTINUATION = 1;
const FLAG = Object.fromEntries(properties.map(([name], i) => [name, 0x8000 >>> i])) as Record<PropertyName, number>;
/** Occurrences of known and marked headers remembered per message; the rest of them is treated as unknown. */
const MAX_FOUND = 64;

/** Properties by which messages name each other. */
const CORRELATED = FLAG.correlationId | FLAG.replyTo | FLAG.messageId;
const ofType = (wanted: string): ReadonlySet<PropertyName> =>
  new Set(properties.filter(([, type]) => type === wanted).map(([name]) => name));
const OCTETS = ofType('octet');
const SHORT_STRINGS = ofType('shortstr');

const NONE = -1;
/** The bit of marked headers in a set of known ones; there are fewer known names than that. */
const MARKED_NAME = 30;
export const MARKED = 1 << MARKED_NAME;

const wordsOf = (bytes: Buffer): Int32Array =>
  Int32Array.from({ length: Math.ceil(bytes.length / 4) }, (_, i) =>
    bytes.readInt32BE(Math.min(i * 4, bytes.length - 4)),
  );

/** A header's name, compared four bytes at a time. */
class KnownName {
  readonly length: number;
  /** the name's words from its start, the last one ending where the name ends */
  readonly #words: Int32Array;
  readonly #short: Uint8Array | undefined;

  /** All ASCII. Of a name below four characters there are no words: the few there are go byte by byte. */
  constructor(name: string) {
    const bytes = Buffer.from(name, 'latin1');
    this.length = bytes.length;
    this.#short = bytes.length < 4 ? bytes : undefined;
    this.#words = this.#short === undefined ? wordsOf(bytes) : NO_SLOTS;
  }

  matches(view: DataView, at: number): boolean {
    if (this.#short !== undefined) return this.#short.every((byte, i) => view.getUint8(at + i) === byte);
    const words = this.#words;
    // from the end: names that begin alike are common
    let i = words.length - 1;
    if (words[i] !== view.getInt32(at + this.length - 4)) return false;
    while (--i >= 0) if (words[i] !== view.getInt32(at + i * 4)) return false;
    return true;
  }
}

/**
 * Reads one content-header frame in place and splices a copy of it.
 *
 * A flyweight: one instance is reused for every message, so nothing is allocated per message; all
 * offsets are into `buf` and valid until the next `read`. Only the headers named at construction
 * are located; everything else is skipped by its length and never decoded.
 *
 * One file because reading finds the offsets that splicing writes by: neither can be changed without the other.
 */
export class ContentHeader {
  readonly #known: readonly KnownName[];
  /** one more than the position of the first known header whose name has so many bytes, 0: none has */
  readonly #byLength = new Uint8Array(256);
  buf: Uint8Array = NO_BYTES;
  /** the same bytes */
  #view = viewOf(this.buf);
  #start = 0;
  #end = 0;
  #flags = 0;
  /** first property, behind all flag words */
  #properties = 0;
  /** where the headers table's length stands, or would stand */
  #table = 0;
  #tableEnd = 0;
  #hasTable = false;
  bodySize = 0;
  /** the frame last read is like the one before it (`readNext`) */
  isLike = false;
  /** by so much it lies behind that one, and behind the last one whose entries were looked for */
  #shift = 0;
  #moved = 0;
  // entries of known headers, and their values, where they were in the last frame in which they were looked for
  #found = 0;
  readonly #foundName = new Uint8Array(MAX_FOUND);
  readonly #foundAt = new Int32Array(MAX_FOUND);
  readonly #foundEnd = new Int32Array(MAX_FOUND);
  /** from here to the entry's end it may differ in a frame that is like this one */
  readonly #foundFree = new Int32Array(MAX_FOUND);
  /** the frame was understood, and all known headers are among those found */
  #canBeLike = false;
  /** known headers that are there: a bit per position */
  #present = 0;
  /** per known header that is there: offset of its value's type octet; the last wins, as clients read it */
  readonly #value: Int32Array;

  /** `known`: names of the headers to locate; they are then addressed by their position. */
  constructor(known: readonly string[]) {
    this.#known = known.map((name) => new KnownName(name));
    for (let k = known.length - 1; k >= 0; k--) this.#byLength[known[k].length] = k + 1;
    this.#value = new Int32Array(known.length);
  }

  /**
   * Reads the frame at buf[start, end); `view`, if there is one, is of the same bytes. Returns false
   * if it can't be understood: then only `bodySize` holds (NaN if even that is missing) and the frame
   * must be passed as it is.
   */
  read(buf: Uint8Array, start: number, end: number, view?: DataView): boolean {
    if (buf !== this.buf) {
      this.buf = buf;
      this.#view = view ?? viewOf(buf);
    }
    this.isLike = false;
    return this.#read(this.#view, start, end);
  }

  /**
   * `read` for a frame that stands behind the one last read in the same bytes, of which none has changed since but values
   * that were found. Most messages of an app are alike up to the end of their tables, but for numbers and ids in them:
   * then the offsets are known.
   */
  readNext(start: number, end: number): boolean {
    const shift = start - this.#start;
    this.#shift = shift;
    this.isLike = this.#isLike(shift, end - 1);
    if (!this.isLike) return this.#read(this.#view, start, end);
    this.#start = start;
    this.#end = end;
    this.#properties += shift;
    this.#table += shift;
    this.#tableEnd += shift;
    this.#moved += shift;
    this.bodySize = viewU64(this.#view, start + FRAME_HEAD + BODY_SIZE);
    return true;
  }

  /** From its flags to the end of its table, a frame that is further by `shift` says the same as the one last read. */
  #isLike(shift: number, stop: number): boolean {
    if (!this.#canBeLike || this.#tableEnd + shift > stop) return false;
    const view = this.#view;
    const moved = this.#moved;
    let p = this.#start + FRAME_HEAD + FLAGS;
    for (let i = 0; i < this.#found; i++) {
      if (!sameBytes(view, p, p + shift, this.#foundFree[i] + moved - p)) return false;
      p = this.#foundEnd[i] + moved;
    }
    return sameBytes(view, p, p + shift, this.#tableEnd - p);
  }

  #read(view: DataView, start: number, end: number): boolean {
    const isUnderstood = this.#understands(view, start, end);
    this.#canBeLike = isUnderstood && this.#found < MAX_FOUND;
    return isUnderstood;
  }

  #understands(view: DataView, start: number, end: number): boolean {
    this.#start = start;
    this.#end = end;
    this.#moved = 0;
    this.#found = 0;
    this.#present = 0;
    this.#hasTable = false;
    const payload = start + FRAME_HEAD;
    const stop = end - 1;
    if (payload + FLAGS + 2 > stop) {
      this.bodySize = payload + FLAGS <= stop ? viewU64(view, payload + BODY_SIZE) : Number.NaN;
      return false;
    }
    this.bodySize = viewU64(view, payload + BODY_SIZE);
    const flags = view.getUint16(payload + FLAGS);
    this.#flags = flags;
    let p = payload + FLAGS + 2;
    for (let word = flags; (word & CONTINUATION) !== 0; p += 2) {
      if (p + 2 > stop) return false;
      word = view.getUint16(p);
    }
    this.#properties = p;
    // content-type and content-encoding, the two short strings that stand before the headers
    if ((flags & 0x8000) !== 0) p = p < stop ? p + 1 + view.getUint8(p) : stop + 1;
    if ((flags & 0x4000) !== 0) p = p < stop ? p + 1 + view.getUint8(p) : stop + 1;
    this.#table = p;
    this.#tableEnd = p;
    if (p > stop) return false;
    if ((flags & HEADERS_FLAG) === 0) return true;
    if (p + 4 > stop) return false;
    this.#tableEnd = p + 4 + view.getUint32(p);
    this.#hasTable = true;
    return this.#tableEnd <= stop && this.#scan(view, p + 4, this.#tableEnd);
  }

  #scan(view: DataView, start: number, end: number): boolean {
    for (let p = start; p < end; ) {
      const length = view.getUint8(p);
      const value = p + 1 + length;
      const next = skipValue(view, value, end);
      if (next < 0) return false;
      const candidate = this.#byLength[length];
      if (candidate > 0) this.#note(view, candidate - 1, length, p, next);
      p = next;
    }
    return true;
  }

  /** The entry at `p`, if its name is that of the `candidate` or one behind it. */
  #note(view: DataView, candidate: number, length: number, p: number, next: number): void {
    const known = this.#known;
    for (let k = candidate; k < known.length; k++) {
      if (known[k].length !== length || !known[k].matches(view, p + 1)) continue;
      this.#present |= 1 << k;
      this.#value[k] = p + 1 + length;
      if (this.#found < MAX_FOUND) {
        this.#foundName[this.#found] = k;
        this.#foundAt[this.#found] = p;
        this.#foundEnd[this.#found] = next;
        this.#foundFree[this.#found] = freeFrom(view.getUint8(p + 1 + length), p + 2 + length, next);
        this.#found++;
      }
      return;
    }
  }

  /** None of the known headers is there. */
  get isBare(): boolean {
    return this.#present === 0;
  }

  /** The first byte behind the app's own entries, or where a table would stand. */
  get tableEnd(): number {
    return this.#tableEnd;
  }

  /** Bytes of the whole frame, overhead included. */
  get frameSize(): number {
    return this.#end - this.#start;
  }

  get hasTable(): boolean {
    return this.#hasTable;
  }

  /** The headers table holds nothing but entries in `names` (a bit per known header). */
  hasOnly(names: number): boolean {
    let bytes = 0;
    for (let i = 0; i < this.#found; i++) {
      if ((names & (1 << this.#foundName[i])) !== 0) bytes += this.#foundEnd[i] - this.#foundAt[i];
    }
    return this.#hasTable && bytes === this.#tableEnd - this.#table - 4;
  }

  /** Which of a set of known headers (a bit per position) are there. */
  among(known: number): number {
    return this.#present & known;
  }

  /** Offset of the type octet of a known header's value, or -1. */
  value(known: number): number {
    return (this.#present & (1 << known)) !== 0 ? this.#value[known] + this.#moved : NONE;
  }

  /** In a frame that is like the one before it: a known header that is there, a 64-bit integer, has the same value too. */
  repeatsInteger(known: number): boolean {
    const at = this.#value[known] + this.#moved + 1;
    return sameBytes(this.#view, at, at - this.#shift, 8);
  }

  /** Whether a known header is there, and no second time. */
  isSingle(known: number): boolean {
    let count = 0;
    for (let i = 0; i < this.#found; i++) if (this.#foundName[i] === known) count++;
    return count === 1;
  }

  /** Offset behind a known header's value; -1 if it is absent. */
  valueEnd(known: number): number {
    return this.value(known) < 0 ? NONE : skipValue(this.#view, this.value(known), this.#tableEnd);
  }

  /** Offset of a string value's first byte (types S and x), or -1 if the header is absent or no string. */
  stringAt(known: number): number {
    const at = this.value(known);
    return at >= 0 && (this.buf[at] === 0x53 || this.buf[at] === 0x78) ? at + 5 : NONE;
  }

  /** Bytes of that string. */
  stringLength(known: number): number {
    return readU32(this.buf, this.#value[known] + this.#moved + 1);
  }

  /** A 64-bit integer header, or NaN. */
  integer(known: number): number {
    const at = this.value(known);
    if (at < 0) return Number.NaN;
    const type = this.#view.getUint8(at);
    return type === 0x6c || type === 0x4c || type === 0x54 ? viewU64(this.#view, at + 1) : Number.NaN;
  }

  /** Offset of the type octet of any header's value, or -1; the last wins. Looks through the whole table. */
  find(name: Uint8Array): number {
    let found = NONE;
    for (let p = this.#firstEntry(); p < this.#tableEnd; ) {
      const value = p + 1 + this.buf[p];
      if (this.#isNamed(p, name)) found = value;
      p = skipValue(this.#view, value, this.#tableEnd);
    }
    return found;
  }

  /** The string that any header is, '' if it is none or absent. Looks through the whole table. */
  textOf(name: Uint8Array): string {
    const at = this.find(name);
    if (at < 0 || (this.buf[at] !== 0x53 && this.buf[at] !== 0x78)) return '';
    return text(this.buf, at + 5, at + 5 + readU32(this.buf, at + 1));
  }

  /** Has every entry of that name, which is no known one, taken away by MARKED. False if there is none. */
  mark(name: Uint8Array): boolean {
    let any = false;
    for (let p = this.#firstEntry(); p < this.#tableEnd && this.#found < MAX_FOUND; ) {
      const next = skipValue(this.#view, p + 1 + this.buf[p], this.#tableEnd);
      if (this.#isNamed(p, name)) {
        this.#insertFound(p, next);
        any = true;
      }
      p = next;
    }
    return any;
  }

  #firstEntry(): number {
    return this.#hasTable ? this.#table + 4 : this.#tableEnd;
  }

  #isNamed(entry: number, name: Uint8Array): boolean {
    if (this.buf[entry] !== name.length) return false;
    for (let i = 0; i < name.length; i++) if (this.buf[entry + 1 + i] !== name[i]) return false;
    return true;
  }

  /** In the order in which they stand, which splicing relies on. */
  #insertFound(entry: number, entryEnd: number): void {
    const [at, end] = [entry - this.#moved, entryEnd - this.#moved];
    for (let i = 0; i < this.#found; i++) if (this.#foundAt[i] === at) return;
    let i = this.#found++;
    for (; i > 0 && this.#foundAt[i - 1] > at; i--) {
      this.#foundName[i] = this.#foundName[i - 1];
      this.#foundAt[i] = this.#foundAt[i - 1];
      this.#foundEnd[i] = this.#foundEnd[i - 1];
    }
    this.#canBeLike = false;
    this.#foundName[i] = MARKED_NAME;
    this.#foundAt[i] = at;
    this.#foundEnd[i] = end;
  }

  /** Delivery mode 2: it is on disk before the broker confirms it, if its queue is durable. */
  get isPersistent(): boolean {
    return (this.#flags & FLAG.deliveryMode) !== 0 && this.buf[this.#tableEnd] === PERSISTENT;
  }

  /** Whether the message has it. */
  has(name: PropertyName): boolean {
    return (this.#flags & FLAG[name]) !== 0;
  }

  /** It has a correlation-id, a reply-to or a message-id. */
  get isCorrelated(): boolean {
    return (this.#flags & CORRELATED) !== 0;
  }

  /** A property of the message as text, if it is a short string or an octet; else, or if absent, ''. Makes a string: not for every message. */
  property(name: PropertyName): string {
    if (OCTETS.has(name)) {
      const at = this.#valueAt(name);
      return at < 0 ? '' : String(this.buf[at]);
    }
    const at = this.propertyAt(name);
    return at < 0 ? '' : text(this.buf, at, at + this.buf[at - 1]);
  }

  /** Where the bytes of a short-string property start, or -1; how many there are says the octet in front of them. */
  propertyAt(name: PropertyName): number {
    const at = SHORT_STRINGS.has(name) ? this.#valueAt(name) : NONE;
    return at < 0 ? NONE : at + 1;
  }

  #valueAt(wanted: PropertyName): number {
    let p = this.#properties;
    const stop = this.#end - 1;
    for (let i = 0; i < properties.length; i++) {
      if ((this.#flags & (0x8000 >>> i)) === 0) continue;
      const [name, type] = properties[i];
      let next: number;
      if (type === 'octet') next = p + 1;
      else if (type === 'longlong') next = p + 8;
      else if (type === 'table') next = this.#tableEnd;
      else next = p + 1 + (this.buf[p] ?? 0);
      if (next > stop) return NONE;
      if (name === wanted) return p;
      p = next;
    }
    return NONE;
  }

  /** Bytes the frame has after `splice`, so that the caller can hold it against frame_max first. */
  splicedSize(remove: number, added: number, dropTable = false): number {
    const lengthField = dropTable === this.#hasTable ? (dropTable ? -4 : 4) : 0;
    return this.frameSize + added - this.#removedBytes(remove) + lengthField;
  }

  /**
   * The same for the common case: makes a copy of the frame's bytes up to `tableEnd`, which ends at
   * `at` in `view`, the beginning of a frame with `added` more bytes of entries. Where there is no
   * table, the length of the one that begins there is written there too.
   */
  patch(view: DataView, at: number, added: number): void {
    const shift = at - this.#tableEnd;
    const grown = this.#hasTable ? added : added + 4;
    view.setUint32(shift + this.#start + 3, this.#end - this.#start - FRAME_OVERHEAD + grown);
    if (this.#hasTable) view.setUint32(shift + this.#table, this.#tableEnd - this.#table - 4 + added);
    else {
      view.setUint16(shift + this.#start + FRAME_HEAD + FLAGS, this.#flags | HEADERS_FLAG);
      view.setUint32(at, added);
    }
  }

  /** Where the frame lies in `buf`. */
  get start(): number {
    return this.#start;
  }

  get end(): number {
    return this.#end;
  }

  #removedBytes(remove: number): number {
    let bytes = 0;
    for (let i = 0; i < this.#found; i++) {
      if ((remove & (1 << this.#foundName[i])) !== 0) bytes += this.#foundEnd[i] - this.#foundAt[i];
    }
    return bytes;
  }

  /**
   * Writes the frame to `out` at `at`, with entries[0, added) (whole table entries, see
   * writeEntry) behind the app's own and without the known headers in the bit set `remove`;
   * every other byte is the app's. `dropTable` takes the table away, for a message that came
   * without one; it then must be empty. Returns the offset behind the frame.
   */
  splice(out: Uint8Array, at: number, remove: number, entries: Uint8Array, added: number, dropTable = false): number {
    const buf = this.buf;
    let o = copyBytes(buf, this.#start, this.#table, out, at);
    if (dropTable) {
      writeU16(out, at + FRAME_HEAD + FLAGS, this.#flags & ~HEADERS_FLAG);
    } else {
      const length = (this.#hasTable ? this.#tableEnd - this.#table - 4 - this.#removedBytes(remove) : 0) + added;
      writeU16(out, at + FRAME_HEAD + FLAGS, this.#flags | HEADERS_FLAG);
      writeU32(out, o, length);
      o += 4;
      if (this.#hasTable) {
        let kept = this.#table + 4;
        for (let i = 0; i < this.#found; i++) {
          if ((remove & (1 << this.#foundName[i])) === 0) continue;
          o = copyBytes(buf, kept, this.#foundAt[i] + this.#moved, out, o);
          kept = this.#foundEnd[i] + this.#moved;
        }
        o = copyBytes(buf, kept, this.#tableEnd, out, o);
      }
      o = copyBytes(entries, 0, added, out, o);
    }
    o = copyBytes(buf, this.#tableEnd, this.#end, out, o);
    writeU32(out, at + 3, readU32(buf, this.#start + 3) + (o - at) - (this.#end - this.#start));
    return o;
  }
}

/** Where a value, behind its type octet at `at`, does not say how long it is: in numbers of 64 bits, and in strings. */
function freeFrom(type: number, at: number, end: number): number {
  if (type === 0x6c || type === 0x4c || type === 0x54) return at;
  return type === 0x53 || type === 0x78 ? at + 4 : end;
}

/** Writes a table entry's key and type octet; returns the offset of its value. */
export function writeKey(out: Uint8Array, at: number, key: string, type: string): number {
  out[at] = key.length;
  for (let i = 0; i < key.length; i++) out[at + 1 + i] = key.charCodeAt(i);
  out[at + 1 + key.length] = type.charCodeAt(0);
  return at + 2 + key.length;
}
