import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeHeader, type Entry, encodeHeader, entry, header, short, string, u64 } from '../../testing/wire.ts';
import { contentHeader } from '../amqp/arbitraries.ts';
import { opened, openOk, publish, returned } from './by-hand.ts';
import { checkUpstream, isForeign, isStamp, mandatoryHeaders, OURS, returnedHeaders } from './compare.ts';
import { Bench } from './replay.ts';

const VALID = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

describe('headers of publishes, written by hand', () => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await Bench.start();
  });
  afterAll(() => bench.stop());

  /** What arrives of publishes with these content headers, without bodies. */
  async function arrived(
    headers: Buffer[],
    frameMax?: number,
  ): Promise<{ app: Buffer; broker: Buffer; got: Buffer[] }> {
    const app = Buffer.concat([opened(frameMax), ...headers.flatMap((each) => [publish(), each])]);
    const [{ atBroker }] = await bench.play({ app, broker: openOk }, [{ app: [], broker: [] }]);
    const got = headers.map((each) => each);
    let at = opened(frameMax).length;
    for (const i of got.keys()) {
      at += publish().length;
      got[i] = atBroker.subarray(at, at + 8 + atBroker.readUInt32BE(at + 3));
      at += got[i].length;
    }
    return { app, broker: atBroker, got };
  }
  const entriesOf = async (entries: Entry[] | undefined): Promise<Entry[]> => {
    const { app, broker, got } = await arrived([header(1, 0, entries)]);
    checkUpstream(app, broker);
    return decodeHeader(got[0]).entries ?? [];
  };

  test('of every kind there can be arrive the same but for ours', async () => {
    const headers = fc
      .sample(contentHeader, { seed: 1, numRuns: 500 })
      .map((parts) => encodeHeader({ ...parts, channel: 1, bodySize: 0n }));
    const { app, broker } = await arrived(headers);
    const foreign = headers.filter((each) => isForeign((decodeHeader(each).entries ?? []).filter(isStamp).at(-1)));
    expect(foreign.length).toBeLessThan(50);
    expect(checkUpstream(app, broker).sent).toBe(500 - foreign.length);
  });

  test('an app’s own valid context is left as it is, whether string or bytes', async () => {
    for (const type of ['S', 'x']) {
      const own = [{ ...string('traceparent', VALID), type }, string('tracestate', 'a=b'), string('z', '')];
      const entries = await entriesOf(own);
      expect(entries.slice(0, 3)).toEqual(own);
      expect(entries.map(({ key }) => key.toString())).toEqual(['traceparent', 'tracestate', 'z', 'x-tracehare-sent']);
    }
  });

  test.each([
    'not one',
    VALID.toUpperCase(),
    VALID.replace('00-', 'ff-'),
    '00-00000000000000000000000000000000-b7ad6b7169203331-01',
    '00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01',
    `${VALID}-more`,
  ])('an invalid context is replaced, and its tracestate goes: %s', async (invalid) => {
    const own = [string('a', '1'), string('traceparent', invalid), string('tracestate', 'a=b'), string('z', '2')];
    const entries = await entriesOf(own);
    expect(entries.map(({ key }) => key.toString())).toEqual(['a', 'z', 'x-tracehare-sent', 'traceparent']);
    expect(entries.slice(0, 2)).toEqual([own[0], own[3]]);
  });

  test('stamps that an app copied along become one, of type l, and ours', async () => {
    const copied = (value: Entry) => [
      value,
      string('a', '1'),
      entry('x-tracehare-sent', 'S', string('', 'x').value),
      value,
    ];
    const entries = await entriesOf(copied(entry('x-tracehare-sent', 'l', u64(5))));
    expect(entries.map(({ key, type }) => [key.toString(), type])).toEqual([
      ['a', 'S'],
      ['x-tracehare-sent', 'l'],
      ['traceparent', 'S'],
    ]);
    expect(Number(entries[1].value.readBigInt64BE())).toBeGreaterThan(1.7e15);
  });

  test.each([4096, 8192, 131_072])(
    'none exceeds frame_max %i with ours: what does not fit passes without',
    async (frameMax) => {
      const empty = header(1, 0, [string('pad', '')]).length;
      const sized = (size: number): Buffer => header(1, 0, [string('pad', 'x'.repeat(size - empty))]);
      const sizes = [-2, -1, 0, 1, 2, OURS - 1, OURS].map((offset) => frameMax - OURS + offset);
      const skipped = async () =>
        (await bench.sidecar.metrics()).sum('tracehare_unobserved_total', { reason: 'frame_max' });
      const before = await skipped();
      const { app, broker, got } = await arrived(sizes.map(sized), frameMax);
      expect(got.map((each, i) => each.length - sizes[i])).toEqual([OURS, OURS, OURS, 0, 0, 0, 0]);
      expect(checkUpstream(app, broker, frameMax)).toEqual({ sent: 3, traceparent: 3 });
      expect((await skipped()) - before).toBe(4);
    },
  );

  test('a table that has to be added counts too', async () => {
    const properties = { flags: [0x8400], before: short('x'.repeat(255)), after: short('y'.repeat(255)) };
    const bytes = encodeHeader({ ...decodeHeader(header(1, 0)), ...properties });
    const room = OURS + 4;
    for (const [frameMax, added] of [
      [bytes.length + room, room],
      [bytes.length + room - 1, 0],
    ]) {
      const { got } = await arrived([bytes], frameMax);
      expect(got[0].length - bytes.length).toBe(added);
    }
  });

  test('a message that fits only with its own stamp replaced gets the new one', async () => {
    const stamp = entry('x-tracehare-sent', 'l', u64(5));
    const pad = (size: number) => string('pad', 'x'.repeat(size));
    const base = header(1, 0, [pad(0), string('traceparent', VALID), stamp]).length;
    // as large as a frame may be, and as it was afterwards: only the stamp is another
    const full = header(1, 0, [pad(4096 - base), string('traceparent', VALID), stamp]);
    const { app, broker, got } = await arrived([full], 4096);
    expect(got[0].length).toBe(4096);
    expect(checkUpstream(app, broker)).toEqual({ sent: 1, traceparent: 0 });
  });

  test('a broker that returns messages gives back to the app what it published, to the byte', async () => {
    const own: (Entry[] | undefined)[] = [
      undefined,
      [],
      [string('own', 'header')],
      [string('traceparent', VALID), string('z', '')],
      [entry('bytes', 'x', string('', 'y').value), entry('traceparent', 'V', Buffer.alloc(0)), string('z', '')],
    ];
    const pair = await bench.open();
    const messages = own.map((entries, i) => Buffer.concat([publish(1, `key-${i}`, true), header(1, 0, entries)]));
    await bench.letIn(pair);
    bench.write('app', pair, Buffer.concat(messages));
    await bench.read();
    // as a broker does: the content as it came to it
    const headers = mandatoryHeaders(pair.broker.received);
    expect(headers.length).toBe(own.length);
    headers.forEach((each, i) => {
      bench.write('broker', pair, Buffer.concat([returned(1, `key-${i}`), each]));
    });
    const { atApp } = await bench.finish(pair);
    const wanted = own.map((entries) => header(1, 0, entries));
    // what stood in the place of a context that was none has been taken away for good
    wanted[4] = header(1, 0, [own[4]?.[0], own[4]?.[2]] as Entry[]);
    expect(returnedHeaders(atApp).map((each) => each.toString('hex'))).toEqual(
      wanted.map((each) => each.toString('hex')),
    );
  });

  test('a returned message that never had ours is left as it is', async () => {
    const pair = await bench.open();
    await bench.letIn(pair);
    bench.write('app', pair, Buffer.concat([publish(1, 'key', true), header(1, 0)]));
    await bench.read();
    const answer = Buffer.concat([returned(), header(1, 0), returned(), header(1, 0, [string('a', 'b')])]);
    bench.write('broker', pair, answer);
    expect((await bench.finish(pair)).atApp.toString('hex')).toBe(Buffer.concat([openOk, answer]).toString('hex'));
  });
});
