import { type Channel, type ChannelModel, connect } from 'amqplib';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { type RabbitMQ, startRabbitMQ } from '../../testing/rabbitmq.ts';
import { startTracehare, type Tracehare } from '../../testing/tracehare.ts';
import { createVhost, type Vhost } from '../../testing/vhost.ts';
import { until } from '../../testing/wait.ts';

export type Mode = 'off' | 'returns' | 'confirms';
export const MODES: Mode[] = ['off', 'returns', 'confirms'];

/** A figure of each kind that is not 0, e.g. `publish lost unroutable`. */
export type Figures = Record<string, number>;

/** What `GET /api/losses` must name a loss by. */
export interface Named {
  exchange: string;
  routingKey: string;
  queue: string;
  reason: string;
  traceId: string;
}

/** A sidecar in one mode, and the truth behind it. */
export interface Rig {
  mode: Mode;
  sidecar: Tracehare;
  vhost: Vhost;
  /** with `ownBroker` only */
  own: RabbitMQ;
  /** through the sidecar */
  open(clientProperties?: Record<string, string>): Promise<ChannelModel>;
  /** past it, for what the test does and looks at by itself */
  aside(): Promise<Channel>;
  /** All figures of these topics, once every connection through the sidecar has ended. */
  figures(...topics: string[]): Promise<Figures>;
  /** Losses of these topics in the order in which they were found; asked after `figures`. */
  losses(...topics: string[]): Promise<Named[]>;
  /** Empties the queue past the sidecar: bodies, in order. */
  stored(queue: string): Promise<string[]>;
}

export interface RigOptions {
  modes?: Mode[];
  /** text of the YAML file */
  config?: string;
  /** a broker that all modes share and nobody else uses; lines of its rabbitmq.conf */
  ownBroker?: string[];
  env?: Record<string, string>;
}

/** Runs the rows against a sidecar of each mode in a vhost of its own. */
export function inModes(rows: (rig: Rig) => void, options: RigOptions = {}): void {
  const { ownBroker } = options;
  if (ownBroker === undefined) {
    each(rows, options);
    return;
  }
  describe('with a broker of its own', () => {
    let own: RabbitMQ;
    beforeAll(async () => {
      own = await startRabbitMQ({ config: ownBroker });
    });
    afterAll(() => own.stop());
    each(rows, options, () => own);
  });
}

function each(rows: (rig: Rig) => void, { modes = MODES, config = '', env }: RigOptions, own?: () => RabbitMQ): void {
  describe.each(modes)('--loss %s', (mode) => {
    const rig = { mode } as Rig;
    let aside: ChannelModel | undefined;

    beforeAll(async () => {
      if (own !== undefined) rig.own = own();
      rig.vhost = await createVhost(rig.own && { port: rig.own.port, managementPort: rig.own.management.port });
      rig.sidecar = await startTracehare({
        upstream: `amqp://127.0.0.1:${rig.vhost.port}`,
        args: ['--loss', mode],
        config: `log: { level: debug }\nlimits: { losses: 100000 }\n${config}`,
        ...(env && { env }),
      });
      const model = async (port?: number, clientProperties = {}): Promise<ChannelModel> => {
        const opened = await connect(rig.vhost.url(port), { clientProperties });
        opened.on('error', () => {}); // told by what the test waits for
        return opened;
      };
      rig.open = (properties) => model(rig.sidecar.port, properties);
      rig.aside = async () => {
        if (aside === undefined) {
          aside = await model();
          aside.once('close', () => {
            aside = undefined;
          });
        }
        const channel = await aside.createChannel();
        channel.on('error', () => {});
        return channel;
      };
      rig.figures = (...topics) => figures(rig, topics);
      rig.losses = (...topics) => losses(rig, topics);
      rig.stored = async (queue) => {
        const channel = await rig.aside();
        const bodies: string[] = [];
        for (;;) {
          const message = await channel.get(queue, { noAck: true });
          if (message === false) break;
          bodies.push(message.content.toString());
        }
        await channel.close();
        return bodies;
      };
    });

    afterAll(async () => {
      await aside?.close();
      const exit = await rig.sidecar?.stop();
      await rig.vhost?.remove();
      expect(exit).toBe(0);
    });

    rows(rig);
  });
}

const KINDS: [string, (labels: Record<string, string>) => string][] = [
  ['event_throughput_total', ({ side, status }) => `${side} ${status}`],
  ['event_lost_total', ({ side, reason }) => `${side} lost ${reason}`],
  ['event_unknown_total', ({ side, reason }) => `${side} unknown ${reason}`],
  ['event_unrouted_expected_total', () => 'publish unrouted as expected'],
  ['event_dead_lettered_total', ({ queue, reason }) => `dead-lettered ${queue} ${reason}`],
  ['event_requeued_total', ({ reason }) => `requeued ${reason}`],
];

async function figures({ sidecar }: Rig, topics: string[]): Promise<Figures> {
  const metrics = await until(async () => {
    const now = await sidecar.metrics();
    return now.value('tracehare_connections') === 0 && now;
  }, 'the sidecar has no connection left');
  const found: Figures = {};
  for (const [name, kind] of KINDS) {
    for (const { labels, value } of metrics.matching(name)) {
      if (!topics.includes(labels.topic) || value === 0) continue;
      const key = kind(labels);
      found[key] = (found[key] ?? 0) + value;
    }
  }
  return found;
}

interface Found {
  losses: (Named & { topic: string })[];
  eventsDropped: number;
  dropped: number;
}

async function losses({ sidecar }: Rig, topics: string[]): Promise<Named[]> {
  // events come in order: behind the end of all connections there is nothing more
  const logged = (msg: string): number => sidecar.log.filter((line) => line.msg === msg).length;
  await until(() => logged('connection closed') === logged('connected'), 'all events have been read');
  const found = (await (await sidecar.admin('/api/losses?limit=10000')).json()) as Found;
  expect(found).toMatchObject({ eventsDropped: 0, dropped: 0 });
  return found.losses
    .filter(({ topic }) => topics.includes(topic))
    .map(({ exchange, routingKey, queue, reason, traceId }) => ({ exchange, routingKey, queue, reason, traceId }))
    .reverse();
}

let messages = 0;

/** A context of the test's own, every other one not sampled: losses are named all the same. */
export function context(): { traceId: string; headers: { traceparent: string } } {
  const number = ++messages;
  const traceId = number.toString(16).padStart(32, 'a');
  const spanId = number.toString(16).padStart(16, 'b');
  return { traceId, headers: { traceparent: `00-${traceId}-${spanId}-0${number % 2}` } };
}

/** By trace id, so that two lists can be compared. */
export const sorted = (named: Named[]): Named[] => named.toSorted((a, b) => (a.traceId < b.traceId ? -1 : 1));

/** A name nobody else uses, and no part of which is folded away. */
export const unique = (stem: string): string => `${stem}-${names++}`;
let names = 0;

/** The name of an app that is no other's. In letters: names that differ by digits alone are instances of one app. */
export const uniqueApp = (): string =>
  `app ${[...String(names++)].map((digit) => 'abcdefghij'[Number(digit)]).join('')}`;
