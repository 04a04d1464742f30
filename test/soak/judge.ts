import { until } from '../../testing/wait.ts';
import type { Entrance } from './entrance.ts';
import { commonSlope, type Reading, type Slope } from './slope.ts';
import type { Known } from './work.ts';
import type { World } from './world.ts';

export interface Verdict {
  /** what was promised and does not hold; empty: all does */
  problems: string[];
  /** what was measured, a line each */
  measured: string[];
}

/** What the apps of a client know of its queue. */
export interface OfClient {
  queue: string;
  known: Known;
}

/**
 * MiB a minute. What is shown of the last quarter of an hour, and compiled code, come together in that time; behind it
 * nothing may grow.
 */
const growthAllowed = (minutes: number): number => Math.max(minutes < 30 ? 5 : 0.2, 15 / minutes);
/** Connections of the scrape and of exporters may stand. */
const DESCRIPTORS_ALLOWED = 5;

/** Ends all sidecars, and holds what they told against what the apps know. `idle`: nothing was unsettled in the end. */
export async function judge(
  world: World,
  clients: readonly OfClient[],
  idle: boolean,
  minutes: number,
): Promise<Verdict> {
  const problems: string[] = [];
  const measured: string[] = [];
  const hold = (what: string, holds: boolean, seen: object): void => {
    if (!holds) problems.push(`${what}: ${JSON.stringify(seen)}`);
  };
  hold('all is settled in the end', idle, {});
  for (const entrance of world.entrances) {
    await judgeLeft(entrance, hold);
    await entrance.end();
  }
  for (const client of clients) judgeClient(world, client, hold, measured);
  for (const [what, unit, allowed] of [
    ['memory', ' MiB', growthAllowed(minutes)],
    ['descriptors', '', 1],
  ] as const) {
    const readings = world.entrances.flatMap((entrance) => entrance[what]);
    const { slope, error } = commonSlope(settled(readings, minutes));
    const highest = Math.max(...readings.map(({ value }) => value));
    measured.push(`${what}: ${signed(slope)} ± ${error.toFixed(3)}${unit} a minute, highest ${highest.toFixed(1)}`);
    measured.push(`${what} of the sidecar that lasts, by tenths of the run: ${tenths(world.lasting[what], minutes)}`);
    hold(`${what} does not grow`, !(slope - 3 * error > allowed), { slope, error } satisfies Slope);
  }
  return { problems, measured };
}

type Hold = (what: string, holds: boolean, seen: object) => void;

/** What a sidecar still has when all apps have left. */
async function judgeLeft(entrance: Entrance, hold: Hold): Promise<void> {
  const connections = async () => (await entrance.sidecar.metrics()).sum('tracehare_connections');
  await until(async () => (await connections()) === 0, 'no connection is left').catch(() => {});
  const metrics = await entrance.sidecar.metrics();
  for (const figure of ['connections', 'unsettled_deliveries', 'channels', 'observer_failures_total']) {
    const value = metrics.sum(`tracehare_${figure}`);
    hold(`tracehare_${figure} is 0 when all have gone`, value === 0, { value });
  }
  const limit = entrance.atFirst + DESCRIPTORS_ALLOWED;
  const areBack = await until(() => entrance.openDescriptors <= limit, 'descriptors return').catch(() => false);
  hold('descriptors return', areBack, { now: entrance.openDescriptors, atFirst: entrance.atFirst });
}

function judgeClient(world: World, { queue, known }: OfClient, hold: Hold, measured: string[]): void {
  const of = (name: string, attributes: Record<string, string> = {}) =>
    world.sum(name, { topic: queue, ...attributes });
  const success = of('event_throughput_total', { side: 'publish', status: 'success' });
  const failed = of('event_throughput_total', { side: 'publish', status: 'failed' });
  const unknown = of('event_unknown_total', { side: 'publish' });
  const lost = of('event_lost_total', { side: 'publish', reason: 'fault' });
  const settled = of('event_throughput_total', { side: 'consume', status: 'success' });
  const requeued = of('event_requeued_total');
  const unsure = of('event_unknown_total', { side: 'consume' });
  const delivered = world.sum('messaging.client.consumed.messages', { 'messaging.destination.template': queue });
  const { attempts, acked, nacked, missing } = known;
  const seen = { queue, attempts, acked, nacked, success, failed, unknown, lost, missing };
  const total = success + failed + unknown;
  hold('what the broker acknowledged has arrived', missing === 0, seen);
  hold('a success for each ack', success >= acked, seen);
  hold('a failure for each nack', failed >= nacked && failed === lost, seen);
  hold('the client answers for each publish', known.stuck === 0, { queue, stuck: known.stuck });
  hold('each attempt counts once at most', acked + nacked <= total && total <= attempts, seen);
  const consumer = { queue, delivered, settled, requeued, unsure, known: known.delivered, knownSettled: known.settled };
  hold('what was delivered was settled or went back', delivered === settled + requeued + unsure, consumer);
  hold('settled is what apps have settled', settled <= known.settled && settled >= known.published.size, consumer);
  hold('all that apps got was delivered', delivered >= known.delivered, consumer);
  measured.push(
    `${queue}: ${attempts} attempts, ${acked} acked, ${success} success, ${failed} failed, ${unknown} unknown; ` +
      `${known.delivered} got, ${settled} settled, ${requeued} requeued, missing ${missing}; ${known.broken} times broken`,
  );
}

/** Without the beginning of each life, in which what it needs comes together. */
function settled(readings: readonly Reading[], minutes: number): Reading[] {
  const warmUp = Math.min(10, minutes / 3);
  return [...Map.groupBy(readings, ({ life }) => life).values()].flatMap((life) =>
    life.filter((each) => each.minutes >= life[0].minutes + warmUp),
  );
}

/** The means of each tenth of the run. */
function tenths(readings: readonly Reading[], minutes: number): string {
  const parts = Map.groupBy(readings, (each) => Math.min(9, Math.floor((each.minutes / minutes) * 10)));
  return [...parts.values()]
    .map((part) => (part.reduce((sum, { value }) => sum + value, 0) / part.length).toFixed(0))
    .join(' ');
}

const signed = (value: number): string => `${value < 0 ? '' : '+'}${value.toFixed(3)}`;
