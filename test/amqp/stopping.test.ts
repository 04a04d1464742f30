import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FrameDecoder, type FrameVisitor } from '../../src/amqp/frames.ts';
import { fromApp } from './corpus.ts';
import { observed } from './decoding.ts';

const stream = Buffer.concat(fromApp);

/** Frame ends after which a visitor may stop: those of methods, headers and whole bodies. */
test('a visitor that stops gets the rest with the next push, every byte once, whatever the cuts', () => {
  const cuts = fc.array(fc.nat(stream.length), { maxLength: 10 }).map((all) => all.sort((a, b) => a - b));
  fc.assert(
    fc.property(cuts, fc.array(fc.boolean(), { minLength: 1, maxLength: 7 }), (cuts, stops) => {
      const out: Buffer[] = [];
      let calls = 0;
      let stopped = false;
      const keep = (buf: Uint8Array, start: number, end: number): void => {
        expect(stopped, 'nothing comes after a stop').toBe(false);
        out.push(Buffer.from(buf.subarray(start, end)));
      };
      const ended = (): void => {
        stopped = stops[calls++ % stops.length];
        if (!stopped) return;
        decoder.stop();
        expect(decoder.atBoundary).toBe(true);
      };
      const visitor: FrameVisitor = {
        method(_key, _channel, buf, start, end) {
          keep(buf, start, end);
          ended();
        },
        header(_channel, buf, start, end) {
          keep(buf, start, end);
          ended();
        },
        body(_channel, payload, buf, start, end) {
          keep(buf, start, end);
          if (payload >= 0) ended();
        },
        raw: keep,
        lost: () => expect.fail('framing was lost'),
      };
      const decoder = new FrameDecoder(visitor, observed);
      const edges = [0, ...cuts, stream.length];
      for (let i = 1; i < edges.length; i++) {
        const chunk = stream.subarray(edges[i - 1], edges[i]);
        for (let at = 0; at < chunk.length; ) {
          const to = decoder.push(chunk, at, chunk.length);
          expect(stopped || to === chunk.length).toBe(true);
          stopped = false;
          at = to;
        }
      }
      expect(Buffer.concat(out).equals(stream)).toBe(true);
      expect(calls).toBeGreaterThan(10);
    }),
    { numRuns: 300 },
  );
});
