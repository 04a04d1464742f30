import { expect, test } from 'vitest';
import { publish } from '../../testing/peer-frames.ts';
import { createRig, handshake, type RigOptions } from '../../testing/plane-rig.ts';
import { method, short, split, u16 } from '../../testing/wire.ts';

// A return goes to the app exactly if the app asked for it, also when nothing on the message says who did and its
// outcome was counted long ago.

const HIDDEN: RigOptions = { rules: [{ match: { exchange: 'orders' }, propagate: false }] };
/** longer than a return is waited for */
const LONG = 3000;

function site(options: RigOptions) {
  const rig = createRig(options);
  handshake(rig);
  const sent: Buffer[] = [];
  const got: Buffer[] = [];
  for (const [socket, into] of [
    [rig.broker, sent],
    [rig.app, got],
  ] as const) {
    const write = socket.write.bind(socket);
    socket.write = (bytes, then) => {
      if (bytes.length > 0) into.push(Buffer.from(bytes));
      return write(bytes, then);
    };
  }
  return {
    publishes(routingKey: string, mandatory: boolean) {
      rig.app.receive(publish({ exchange: 'orders', routingKey, body: 0, mandatory }));
      return sent.length - 1;
    },
    passes: () => rig.pass(LONG),
    /** whether the broker was asked to give back the nth publish */
    asked(nth: number) {
      const [frame] = split(sent[nth]).frames;
      return (frame.at(-2) ?? 0) === 1;
    },
    /** The broker gives back the nth publish; whether the app sees it. */
    comesBack(nth: number): boolean {
      const [first, ...content] = split(sent[nth]).frames;
      const before = got.length;
      const names = first.subarray(13, -2);
      rig.broker.receive(Buffer.concat([method(1, 60, 50, u16(312), short('NO_ROUTE'), names), ...content]));
      return got.length > before;
    },
    lost: () => rig.events().filter(({ type }) => type === 'message.lost').length,
  };
}

test.each([
  ['with our stamp', {}],
  ['without', HIDDEN],
])('late returns of both, on one channel: %s', (_, options) => {
  const { publishes, passes, asked, comesBack, lost } = site(options);
  const [ours, theirs] = [publishes('ours', false), publishes('theirs', true)];
  expect([asked(ours), asked(theirs)]).toEqual([true, true]);
  passes();
  expect(comesBack(ours)).toBe(false);
  expect(comesBack(theirs)).toBe(true);
  expect(lost()).toBe(2);
});

test('late returns of both under the same names, in their order', () => {
  const { publishes, passes, comesBack } = site(HIDDEN);
  const first = [publishes('same', false), publishes('same', false)];
  passes();
  const asked = publishes('same', true);
  passes();
  expect([...first, asked].map(comesBack)).toEqual([false, false, true]);
});

test('where the app asks and nothing can tell whose a return is, we ask no more', () => {
  const { publishes, asked } = site(HIDDEN);
  expect(asked(publishes('key', false))).toBe(true);
  publishes('key', true);
  expect(asked(publishes('key', false))).toBe(false);
  expect(asked(publishes('other', false))).toBe(true);
});

test('a return that nobody asked for is the app’s to see where we ask for none', () => {
  const { publishes, passes, asked, comesBack } = site({ args: ['--loss', 'off'] });
  const nth = publishes('key', false);
  expect(asked(nth)).toBe(false);
  passes();
  expect(comesBack(nth)).toBe(true);
});
