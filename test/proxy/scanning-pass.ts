import { loadConfig } from '../../src/config/load.ts';
import { Exposition } from '../../src/telemetry/exposition/exposition.ts';
import { app, broker } from '../../testing/peer-frames.ts';
import { createRig, type Rig } from '../../testing/plane-rig.ts';
import { bits, long, method, PROTOCOL, short, string, table, u8, u16, u32, u64 } from '../../testing/wire.ts';
import { textOf } from '../metrics/rig.ts';
import { client, fileOf, plugins, type Scenery } from './scanning-config.ts';
import { CHANNELS, CONSUMERS, type Frame } from './scanning-frames.ts';
import { Peers } from './scanning-peers.ts';
import { ScannedSocket } from './scanning-socket.ts';
import { ToldTime, turn } from './scanning-time.ts';

export type Side = 'app' | 'broker';

export type Step =
  /** `cut` of the last bytes come with the next ones of this side */
  | { do: 'say'; by: Side; frames: readonly Frame[]; cut: number }
  | { do: 'wait'; ms: number }
  | { do: 'reload'; scenery: Scenery }
  | { do: 'slow'; side: Side; on: boolean }
  /** all tables of routes are aged, as names come and go */
  | { do: 'age' };

export interface Scenario {
  scenery: Scenery;
  plugin: string | undefined;
  sampler: string | undefined;
  frameMax: number;
  brokerVersion: string;
  /** channel 1 is in this mode when the steps begin */
  mode: 'plain' | 'confirm' | 'tx';
  noAck: boolean;
  steps: readonly Step[];
}

/** What a socket reads at once, of what the other side says at once. */
export type Cutting = (bytes: Buffer) => Buffer[];

export interface Outcome {
  /** as far as they got with each step */
  toBroker: string[];
  toApp: string[];
  counted: string[];
  told: string[];
}

const { buckets, openTelemetryNames } = loadConfig({ argv: [], env: {} }).metrics;
const SWEEP_MS = 250;

/** The whole of a scenario, with time and chance in the test's hands. */
export async function pass(scenario: Scenario, cutting: Cutting): Promise<Outcome> {
  const time = new ToldTime();
  const sockets = { app: new ScannedSocket(), broker: new ScannedSocket() };
  const { sampler, scenery, plugin } = scenario;
  const rig = createRig({
    file: fileOf(scenery),
    env: sampler === undefined ? {} : { OTEL_TRACES_SAMPLER: sampler },
    plugins: plugin === undefined ? [] : plugins[plugin],
    now: () => time.now,
    sockets,
  });
  const exposition = new Exposition({ version: '1', buckets, openTelemetryNames });
  const detach = exposition.attach(rig.cells);
  try {
    const marks = { app: [] as number[], broker: [] as number[] };
    const peers = prepare(rig, scenario);
    const heard = { app: length(sockets.app), broker: length(sockets.broker) };
    const kept = { app: Buffer.alloc(0), broker: Buffer.alloc(0) };
    for (const step of [...scenario.steps, ...LAST]) {
      if (step.do === 'say') {
        const bytes = Buffer.concat([kept[step.by], ...step.frames.map((frame) => frame(peers))]);
        const end = Math.max(0, bytes.length - step.cut);
        kept[step.by] = bytes.subarray(end);
        for (const chunk of cutting(bytes.subarray(0, end))) sockets[step.by].receive(Buffer.from(chunk));
      } else await act(rig, time, sockets, step);
      await turn();
      for (const side of ['app', 'broker'] as const) {
        const bytes = Buffer.concat(sockets[side].written).subarray(heard[side]);
        const whole = bytes.subarray(0, wholeFrames(bytes));
        heard[side] += whole.length;
        if (side === 'app') peers.toApp(whole);
        else peers.toBroker(whole);
        marks[side].push(length(sockets[side]));
      }
    }
    sockets.app.emit('close');
    sockets.broker.emit('close');
    await turn();
    const events = rig.events();
    time.end();
    const text = await textOf(exposition.render());
    const [toBroker, toApp, told] = named(
      Buffer.concat(sockets.broker.written),
      Buffer.concat(sockets.app.written),
      events.map((event) => JSON.stringify(event)),
      marks,
    );
    return { toBroker, toApp, told: told.sort(), counted: text.split('\n').filter(isOfMessages).map(rounded).sort() };
  } finally {
    time.end();
    detach();
    rig.cells.close();
  }
}

/** So that nothing is under way any more: faults, rate limits and waits for returns end. */
const LAST: Step[] = [
  { do: 'slow', side: 'app', on: false },
  { do: 'slow', side: 'broker', on: false },
  { do: 'wait', ms: 500 },
  { do: 'wait', ms: 2500 },
];

async function act(
  rig: Rig,
  time: ToldTime,
  sockets: Record<Side, ScannedSocket>,
  step: Exclude<Step, { do: 'say' }>,
): Promise<void> {
  switch (step.do) {
    case 'wait':
      for (let left = step.ms; left > 0; left -= SWEEP_MS) {
        await time.pass(Math.min(SWEEP_MS, left));
        rig.connection.sweep(time.now);
      }
      return;
    case 'reload':
      rig.configure(fileOf(step.scenery));
      return;
    case 'slow':
      if (step.on) sockets[step.side].isSlow = true;
      else sockets[step.side].takeAll();
      return;
    case 'age':
      rig.plane.age();
      rig.connection.rerouted();
      return;
  }
}

const NO_TABLE = table([]);

/** Connection, both channels and their consumers are open; some deliveries wait to be settled. */
function prepare(rig: Rig, { frameMax, brokerVersion, mode, noAck }: Scenario): Peers {
  const peers = new Peers();
  const say = (by: Side, ...frames: Buffer[]): void => {
    for (const frame of frames) rig[by].receive(Buffer.from(frame));
  };
  const { product, connectionName, user } = client;
  const properties = table([string('product', product), string('connection_name', connectionName)]);
  const server = table([string('product', 'RabbitMQ'), string('version', brokerVersion)]);
  say('app', PROTOCOL);
  say('broker', method(0, 10, 10, u8(0), u8(9), server, long('PLAIN'), long('en_US')));
  say('app', method(0, 10, 11, properties, short('PLAIN'), long(`\0${user}\0secret`), short('en_US')));
  say('broker', broker.tune);
  say('app', method(0, 10, 31, u16(2047), u32(frameMax), u16(0)), app.open);
  say('broker', broker.openOk);
  for (const channel of CHANNELS) {
    say('app', method(channel, 20, 10, short('')));
    say('broker', method(channel, 20, 11, long('')));
    for (const [index, tag] of CONSUMERS.entries()) {
      const queue = index === 0 ? 'jobs' : 'mails';
      say(
        'app',
        method(channel, 60, 20, u16(0), short(queue), short(tag), bits(false, noAck && index === 0), NO_TABLE),
      );
      say('broker', method(channel, 60, 21, short(tag)));
    }
    for (let i = 0; i < 5; i++) {
      const names = Buffer.concat([short('before'), short('a')]);
      const tag = u64(peers.deliveryTag(channel, 1));
      const delivery = method(channel, 60, 60, short('another-consumer'), tag, bits(false), names);
      say('broker', Buffer.concat([delivery, EMPTY_CONTENT(channel)]));
    }
  }
  if (mode === 'confirm') {
    say('app', method(1, 85, 10, bits(false)));
    say('broker', method(1, 85, 11));
  } else if (mode === 'tx') {
    say('app', method(1, 90, 10));
    say('broker', method(1, 90, 11));
  }
  return peers;
}

const EMPTY_CONTENT = (channel: number): Buffer =>
  Buffer.concat([u8(2), u16(channel), u32(14), u16(60), u16(0), u64(0), u16(0), u8(0xce)]);

const length = ({ written }: ScannedSocket): number => written.reduce((sum, each) => sum + each.length, 0);

function wholeFrames(bytes: Buffer): number {
  let end = 0;
  while (end + 8 <= bytes.length && end + 8 + bytes.readUInt32BE(end + 3) <= bytes.length)
    end += 8 + bytes.readUInt32BE(end + 3);
  return end;
}

/** Ids of traces and spans are drawn: they become numbers in the order in which they passed, and those that did not pass one word. */
function named(
  toBroker: Buffer,
  toApp: Buffer,
  told: string[],
  marks: Record<Side, number[]>,
): [string[], string[], string[]] {
  const names = new Map<string, string>();
  const number = (id: string): string => {
    const known = names.get(id) ?? `id${names.size}`.padEnd(id.length, '.');
    names.set(id, known);
    return known;
  };
  const blank = (bytes: Buffer): string =>
    bytes
      .toString('latin1')
      .replace(
        /(00-)([0-9a-f]{32})-([0-9a-f]{16})(?=-0)/g,
        (_, head, trace, span) => `${head}${number(trace)}-${number(span)}`,
      )
      // the last frame may be cut
      .replace(/00-[0-9a-f]{1,32}(-[0-9a-f]{0,16}-?)?$/, (cut) => '00-'.padEnd(cut.length, '.'));
  const parts = (text: string, ends: number[]): string[] =>
    ends.map((end, i) => text.slice(i === 0 ? 0 : ends[i - 1], end));
  const passed: [string[], string[]] = [parts(blank(toBroker), marks.broker), parts(blank(toApp), marks.app)];
  const ids = /"((?:[0-9a-f]{16}){1,2})"/g;
  return [
    ...passed,
    told.map((text) => text.replace(ids, (_, id) => `"${names.get(id)?.replace(/\.+$/, '') ?? 'new'}"`)),
  ];
}

/** Not what a chunk costs, nor the process. */
const isOfMessages = (line: string): boolean =>
  /^(event|tracehare|messaging)_/.test(line) && !/added_latency|relay|scrape|build|_created/.test(line);

/** Sums are of the same numbers in another order. */
const rounded = (line: string): string =>
  line.replace(/ (\d+(?:\.\d+)?)$/, (_, value) => ` ${Number(value).toPrecision(9)}`);
