import { expect, test } from 'vitest';
import type { LifecycleEvent } from '../../src/events/lifecycle.ts';
import { warmUp } from '../../src/warm-up/warm-up.ts';
import { createRig, type Rig } from '../../testing/plane-rig.ts';

const UNHURRIED = { cpu: 60_000, time: 60_000 };

/** Passes the warm-up through planes of rigs, which hear of it beside their own connection. */
async function warmedUp(args: string[]): Promise<Rig[]> {
  const rigs = [createRig({ args }), createRig({ args })];
  await warmUp(
    rigs.map(({ plane }) => ({ plane, tidy() {} })),
    UNHURRIED,
  );
  return rigs;
}

const count = (events: LifecycleEvent[], wanted: LifecycleEvent['type']): number =>
  events.filter(({ type }) => type === wanted).length;

test.each(['off', 'returns', 'confirms'])(
  '--loss %s: messages of both kinds of apps pass through both planes',
  async (loss) => {
    for (const rig of await warmedUp(['--loss', loss])) {
      const events = rig.events();
      expect(count(events, 'connection.opened')).toBe(7);
      expect(count(events, 'message.lost')).toBe(0);
      // thousands of messages
      expect(rig.recorder.store.cells.subarray(0, 100_000).reduce((sum, each) => sum + each, 0)).toBeGreaterThan(5000);
    }
  },
);

test('nothing of it stays: no connection, no server', async () => {
  await warmedUp([]);
  const open = () => process.getActiveResourcesInfo().filter((each) => /^TCP/.test(each));
  await expect.poll(open, { timeout: 30_000 }).toEqual([]);
});

test('where its connections are refused it ends all the same', async () => {
  const rig = createRig({ args: ['--limits-connections', '1'] });
  await warmUp([{ plane: rig.plane, tidy() {} }]);
  expect(count(rig.events(), 'connection.opened')).toBeLessThanOrEqual(2);
});
