import fc from 'fast-check';
import { describe, test } from 'vitest';
import { viewOf } from '../../src/amqp/bytes.ts';
import { ContentHeader } from '../../src/amqp/content.ts';
import { Output, Scratch } from '../../src/proxy/stream/output.ts';
import {
  body,
  decodeHeader,
  type Entry,
  encodeHeader,
  entryBytes,
  header,
  method,
  short,
  string,
} from '../../testing/wire.ts';

// Changed chunks are put together in a scratch buffer, which grows. What comes out must be the same however
// much room was left in it: also to the byte, where a write goes over the end unless room was made for it.

interface Piece {
  /** bytes that pass in front of the header */
  before: number;
  /** the app's own headers; undefined: no table */
  own: Entry[] | undefined;
  adds: Entry[];
  /** by which of the two ways in */
  by: 'splice' | 'open';
  removes: boolean;
  bytes: number;
}

const entries = fc.array(
  fc.constantFrom(string('traceparent', 'abc'), string('x', ''), string('x-tracehare-sent', '12345678')),
  { minLength: 1, maxLength: 2 },
);
const pieces: fc.Arbitrary<Piece[]> = fc.array(
  fc.record({
    before: fc.nat(60),
    own: fc.option(fc.oneof(fc.constant<Entry[]>([]), entries), { nil: undefined }),
    adds: entries,
    by: fc.constantFrom('open', 'splice'),
    removes: fc.boolean(),
    bytes: fc.nat(40),
  }),
  { minLength: 1, maxLength: 3 },
);

const KNOWN = ['traceparent'];
const name = (entry: Entry): string => entry.key.toString();
const filler = (size: number): Buffer => method(1, 60, 80, short(Buffer.alloc(size, 0x78)));
const headerOf = ({ own, bytes }: Piece): Buffer => header(1, bytes, own);
const removed = ({ removes, by }: Piece): boolean => removes && by === 'splice';

/** What must come out. */
function changed(piece: Piece): Buffer {
  const decoded = decodeHeader(headerOf(piece));
  const kept = (piece.own ?? []).filter((each) => !removed(piece) || name(each) !== 'traceparent');
  const flags = decoded.flags.map((word) => word | 0x2000);
  return encodeHeader({ ...decoded, flags, entries: [...kept, ...piece.adds] });
}

/** A chunk that came in, and where its headers lie. */
function chunkOf(list: Piece[]) {
  const parts: Buffer[] = [];
  let at = 0;
  const add = (part: Buffer): number => {
    parts.push(part);
    at += part.length;
    return at;
  };
  const spots = list.map((piece) => {
    const start = add(filler(piece.before));
    const end = add(headerOf(piece));
    return { piece, start, end, next: add(body(1, Buffer.alloc(piece.bytes))) };
  });
  const bytes = Buffer.concat(parts);
  return { bytes, view: viewOf(bytes), spots };
}

/** What comes out of a scratch buffer with so much room. */
function through({ bytes, view, spots }: ReturnType<typeof chunkOf>, room: number): Uint8Array | undefined {
  const scratch = new Scratch();
  scratch.renew(room);
  const output = new Output(scratch);
  output.begin(bytes, view);
  const read = new ContentHeader(KNOWN);
  let at = 0;
  for (const { piece, start, end, next } of spots) {
    output.keep(bytes, at, start);
    if (!read.read(bytes, start, end)) throw new Error('not a content header');
    const adds = Buffer.concat(piece.adds.map(entryBytes));
    if (piece.by === 'splice') {
      output.splice(read, { entries: adds, view: viewOf(adds), added: adds.length, remove: piece.removes ? 1 : 0 });
    } else {
      const into = output.open(bytes, start, read, adds.length);
      for (const [i, byte] of adds.entries()) output.view.setUint8(into + i, byte);
      output.enter(read, adds.length);
      output.keep(bytes, read.tableEnd, end);
    }
    output.keep(bytes, end, next);
    at = next;
  }
  return output.take()?.bytes;
}

describe('an output', () => {
  test('is the same to the byte, wherever in it the scratch buffer ends', () => {
    fc.assert(
      fc.property(pieces, (list) => {
        const wanted = Buffer.concat(
          list.flatMap((piece) => [filler(piece.before), changed(piece), body(1, Buffer.alloc(piece.bytes))]),
        );
        const chunk = chunkOf(list);
        for (let room = wanted.length; room > 0; room--) {
          const out = through(chunk, room);
          if (out === undefined || !wanted.equals(out)) throw new Error(`not the same with room for ${room}`);
        }
      }),
    );
  });
});
