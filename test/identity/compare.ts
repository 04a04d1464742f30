import { expect } from 'vitest';
import { decodeHeader, type Entry, encodeHeader, entryBytes, HEADER, isMethod, split } from '../../testing/wire.ts';

/** bytes of `x-tracehare-sent` and `traceparent` as entries of a table that is there */
export const OURS = 26 + 72;
const TRACEPARENT = 'traceparent';
const SENT = 'x-tracehare-sent';
/** bytes of a type octet and value in the place of a stamp that are kept until the message may come back */
const MOST_REPLACED = 64;
const VALID = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

export interface Added {
  /** entries behind the app's own */
  sent: number;
  traceparent: number;
}

const named = (entries: Entry[], name: string): Entry[] => entries.filter(({ key }) => key.toString('latin1') === name);
export const isStamp = ({ key }: Entry): boolean => key.toString('latin1') === SENT;
/** The value that an app gave its last stamp is too large to be kept for a return: so it stays. */
export const isForeign = (stamp: Entry | undefined): boolean =>
  stamp !== undefined && 1 + stamp.value.length > MOST_REPLACED;
/** of a string or byte array; clients write either */
const textOf = ({ type, value }: Entry): string => ('Sx'.includes(type) ? value.subarray(4).toString('latin1') : '');

/**
 * What an app wrote against what a broker got through Tracehare: the same frames in the same order,
 * byte by byte, but for our entries in the headers of publishes, which every one has that would not
 * exceed `frameMax` with them. Returns how many were added.
 */
export function checkUpstream(app: Buffer, broker: Buffer, frameMax = Number.POSITIVE_INFINITY): Added {
  const [theirs, ours] = [split(app), split(broker)];
  const count: Added = { sent: 0, traceparent: 0 };
  same(ours.opening, theirs.opening, 'protocol header');
  expect(ours.frames.length, 'frames').toBe(theirs.frames.length);
  same(ours.rest, theirs.rest, 'rest');
  theirs.frames.forEach((frame, i) => {
    const hasRoom = frame.length + OURS <= frameMax;
    if (frame[0] === HEADER && hasRoom) checkHeader(frame, ours.frames[i], count);
    else same(ours.frames[i], frame, `frame ${i}`);
  });
  return count;
}

function checkHeader(app: Buffer, broker: Buffer, count: Added): void {
  const before = decodeHeader(app);
  const after = decodeHeader(broker);
  const own = before.entries ?? [];
  const context = named(own, TRACEPARENT).at(-1);
  const continued = context !== undefined && VALID.test(textOf(context));
  // an invalid context is replaced and its tracestate goes
  const replaced = continued ? [] : [TRACEPARENT, 'tracestate'];
  const kept = own.filter(({ key }) => !replaced.includes(key.toString('latin1')));
  const all = after.entries ?? [];
  const stamps = own.filter(isStamp);
  const stays = isForeign(stamps.at(-1));
  // a stamp of an app's own that is as long as ours has ours in its place, others go
  const place = stamps.length === 1 && stamps[0].value.length === 8 ? kept.indexOf(stamps[0]) : -1;
  const left = stays ? kept : kept.filter((each, i) => i === place || !stamps.includes(each));
  const theirs = all.slice(0, left.length);
  const more = all.slice(left.length);
  const sent = stays ? undefined : place >= 0 ? theirs[place] : more.shift();
  expect(theirs).toEqual(place >= 0 ? left.with(place, sent as Entry) : left);
  const traceparent = more.shift();
  if (sent !== undefined) checkStamp(sent);
  if (sent !== undefined) count.sent++;
  if (continued) expect(traceparent).toBeUndefined();
  else {
    expect([traceparent?.key.toString(), traceparent?.type]).toEqual([TRACEPARENT, 'S']);
    expect(traceparent && textOf(traceparent)).toMatch(VALID);
    count.traceparent++;
  }
  expect(more).toEqual([]);
  expect([named(all, SENT).length, named(all, TRACEPARENT).length]).toEqual([
    stays ? stamps.length : 1,
    continued ? named(own, TRACEPARENT).length : 1,
  ]);
  // with the app's own entries back in place it must be the app's frame, to the byte
  const flags = [before.entries === undefined ? after.flags[0] & ~0x2000 : after.flags[0], ...after.flags.slice(1)];
  same(encodeHeader({ ...after, flags, entries: before.entries }), app, 'content header');
}

function checkStamp({ key, type, value }: Entry): void {
  expect([key.toString(), type, value.length]).toEqual([SENT, 'l', 8]);
  // microseconds since the epoch
  expect(Math.abs(Number(value.readBigInt64BE()) / 1000 - Date.now())).toBeLessThan(3_600_000);
}

/**
 * What a broker wrote against what the app got: the same bytes, but for the headers of returned
 * messages, from which ours are gone. Returns how many were taken out.
 */
export function checkDownstream(broker: Buffer, app: Buffer): Added {
  const [theirs, ours] = [split(broker), split(app)];
  const count: Added = { sent: 0, traceparent: 0 };
  expect(ours.frames.length, 'frames').toBe(theirs.frames.length);
  same(ours.rest, theirs.rest, 'rest');
  theirs.frames.forEach((frame, i) => {
    const isReturned = frame[0] === HEADER && isMethod(theirs.frames[i - 1], 60, 50);
    if (isReturned && !frame.equals(ours.frames[i])) {
      const got = decodeHeader(ours.frames[i]);
      const all = decodeHeader(frame).entries ?? [];
      const gone = without(all, got.entries ?? []);
      count.sent += named(gone, SENT).length;
      count.traceparent += named(gone, TRACEPARENT).length;
      expect(gone.length).toBe(named(gone, SENT).length + named(gone, TRACEPARENT).length);
      expect(named(got.entries ?? [], SENT)).toEqual([]);
      const flags = [got.flags[0] | 0x2000, ...got.flags.slice(1)];
      same(encodeHeader({ ...got, flags, entries: all }), frame, 'returned header');
    } else same(ours.frames[i], frame, `frame ${i}`);
  });
  return count;
}

/** What is missing of `all` in `left`, which holds the rest of it in the same order. */
function without(all: Entry[], left: Entry[]): Entry[] {
  let next = 0;
  const gone = all.filter((entry) => {
    const isLeft = next < left.length && entryBytes(entry).equals(entryBytes(left[next]));
    if (isLeft) next++;
    return !isLeft;
  });
  expect(left.slice(next), 'entries that the broker did not write, or not there').toEqual([]);
  return gone;
}

/** Content headers of returned messages, in order. */
export function returnedHeaders(bytes: Buffer): Buffer[] {
  const { frames } = split(bytes);
  return frames.filter((frame, i) => frame[0] === HEADER && isMethod(frames[i - 1], 60, 50));
}

/** Content headers of publishes sent as mandatory, in order. */
export function mandatoryHeaders(bytes: Buffer): Buffer[] {
  const { frames } = split(bytes);
  return frames.filter((frame, i) => {
    const publish = frames[i - 1];
    return frame[0] === HEADER && isMethod(publish, 60, 40) && (publish[publish.length - 2] & 1) === 1;
  });
}

function same(got: Buffer, wanted: Buffer, what: string): void {
  // equal almost always, and hundreds of kilobytes now and then: only a difference is worth printing
  if (!got.equals(wanted)) expect(got.toString('hex'), what).toBe(wanted.toString('hex'));
}
