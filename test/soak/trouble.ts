import { setTimeout as sleep } from 'node:timers/promises';
import { frozen } from '../../testing/processes.ts';
import type { RabbitMQ } from '../../testing/rabbitmq.ts';
import { until } from '../../testing/wait.ts';
import type { World } from './world.ts';

/** Something that goes wrong and is over when it resolves. */
export interface Trouble {
  name: string;
  /** how often, beside the others */
  weight: number;
  make(world: World): Promise<void>;
}

const inForce = (fault: Record<string, unknown>, seconds: number): Trouble => ({
  name: [fault.type, fault.stream, Object.values(fault.attributes ?? {}).join(' ')].filter(Boolean).join(' '),
  weight: 1,
  async make(world) {
    await world.addFault({ ...fault, for: `${seconds}s` });
    await sleep(seconds * 1000);
  },
});

const freezing = (who: string, seconds: number, pidOf: (world: World) => number): Trouble => ({
  name: `${who} frozen for ${seconds} s`,
  weight: 1,
  make: (world) => frozen(pidOf(world), () => sleep(seconds * 1000)),
});

/** However often it takes: rabbitmqctl gives up by itself on a machine that is busy. */
const setWatermark = (broker: RabbitMQ, ...to: string[]) =>
  until(
    () => broker.ctl('set_vm_memory_high_watermark', ...to).then(() => true),
    `the watermark is ${to.join(' ')}`,
    180_000,
  );

const faults: Trouble[] = [
  inForce({ type: 'latency', stream: 'upstream', attributes: { latency: 200, jitter: 150 } }, 4),
  inForce({ type: 'latency', stream: 'downstream', attributes: { latency: 200, jitter: 150 } }, 4),
  inForce({ type: 'bandwidth', attributes: { rate: 20 } }, 4),
  inForce({ type: 'stall', toxicity: 0.1 }, 3),
  inForce({ type: 'drop', toxicity: 0.2 }, 4),
  inForce({ type: 'nack', toxicity: 0.2 }, 4),
  inForce({ type: 'duplicate', toxicity: 0.3 }, 4),
  inForce({ type: 'reorder', toxicity: 0.3 }, 4),
  inForce({ type: 'hide_confirms' }, 3),
  inForce({ type: 'hold_settlements', toxicity: 0.3, attributes: { latency: 500, jitter: 400 } }, 4),
  inForce({ type: 'reset', toxicity: 0.02 }, 4),
  inForce({ type: 'close_connection', toxicity: 0.02 }, 4),
  inForce({ type: 'close_channel', toxicity: 0.02 }, 4),
  inForce({ type: 'partition', attributes: { existing: 'cut' } }, 3),
  inForce({ type: 'partition', attributes: { existing: 'stall' } }, 3),
  inForce({ type: 'partition', stream: 'upstream' }, 3),
  inForce({ type: 'partition', stream: 'downstream' }, 3),
];

export const troubles: readonly Trouble[] = [
  ...faults,
  {
    name: 'broker killed',
    weight: 2,
    async make({ broker }) {
      await broker.kill();
      await broker.restart();
    },
  },
  {
    name: 'broker stopped and started',
    weight: 1,
    async make({ broker }) {
      await broker.kill('SIGTERM');
      await broker.restart();
    },
  },
  {
    name: 'broker in memory alarm',
    weight: 2,
    async make({ broker }) {
      await setWatermark(broker, '0.000001');
      await sleep(2000);
      await setWatermark(broker, 'absolute', '64GB');
    },
  },
  // shorter and longer than it takes until heartbeats are missed
  ...[4, 20].flatMap((seconds) => [
    freezing('broker', seconds, ({ broker }) => broker.pid()),
    freezing('sidecar', seconds, ({ lasting }) => lasting.sidecar.pid),
  ]),
  { name: 'sidecar replaced', weight: 2, make: ({ replaced }) => replaced.replace() },
];

/** One of them; `draw` is a number in [0, 1). */
export function choose(draw: number): Trouble {
  let left = draw * troubles.reduce((sum, { weight }) => sum + weight, 0);
  for (const trouble of troubles) {
    left -= trouble.weight;
    if (left < 0) return trouble;
  }
  return troubles[0];
}
