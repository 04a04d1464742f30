import type { Metrics } from '../../testing/metrics.ts';
import { RawClient, request } from '../../testing/raw-client.ts';
import { startTracehare, type Tracehare } from '../../testing/tracehare.ts';
import { until } from '../../testing/wait.ts';
import { bits, method, short, string, u16 } from '../../testing/wire.ts';
import { App } from './app.ts';
import { Ledger, NAMES, type Name } from './ledger.ts';
import { type Operation, textOf } from './operations.ts';

export const MODES = ['off', 'returns', 'confirms'] as const;
export type Mode = (typeof MODES)[number];

export interface Broker {
  port: number;
  vhost: string;
  /** stops and starts taking publishes, as when its memory is used up */
  alarm?(on: boolean): Promise<void>;
}

/** How long a broker may take to give back to a queue what a closed connection held. */
const PATIENCE_MS = 3_000;

/** A broker with a sidecar in front, on which runs are made one after the other. */
export class Site {
  readonly #broker: Broker;
  readonly #sidecar: Tracehare;
  readonly #mode: Mode;
  #runs = 0;

  private constructor(broker: Broker, sidecar: Tracehare, mode: Mode) {
    this.#broker = broker;
    this.#sidecar = sidecar;
    this.#mode = mode;
  }

  static async start(broker: Broker, mode: Mode): Promise<Site> {
    const args = ['--loss', mode, '--metrics-max-topics', '0'];
    const sidecar = await startTracehare({ upstream: `amqp://127.0.0.1:${broker.port}`, args });
    return new Site(broker, sidecar, mode);
  }

  async stop(): Promise<void> {
    await this.#sidecar.stop();
  }

  /** Does all of it, and fails if the sidecar then says anything that the broker does not. */
  async run(operations: readonly Operation[]): Promise<void> {
    // with a letter behind the number: names that end in digits only look generated
    const ledger = new Ledger(`run${this.#runs++}x`);
    const before = await this.#sidecar.metrics();
    const direct = await RawClient.open({ port: this.#broker.port, vhost: this.#broker.vhost });
    try {
      await this.#declare(ledger);
      await this.#perform(operations, ledger);
      await this.#compare(ledger, before, direct);
    } catch (error) {
      const told = operations.map((each) => `  ${textOf(each)}`).join('\n');
      throw new Error(`loss ${this.#mode}, after\n${told}\n${error instanceof Error ? error.message : error}`);
    } finally {
      for (const name of ['a', 'b', 'c', 'dead']) {
        direct.send(method(1, 50, 40, u16(0), short(`${ledger.run}-${name}`), bits(false, false, true)));
      }
      await direct.close();
    }
  }

  /** Through the sidecar, which learns by it that `b` dead-letters. */
  async #declare({ nameOf, run }: Ledger): Promise<void> {
    const client = await RawClient.open({ port: this.#sidecar.port, vhost: this.#broker.vhost });
    await client.call(request.declare(1, nameOf('a')), 50, 11);
    const dying = [string('x-dead-letter-exchange', ''), string('x-dead-letter-routing-key', `${run}-dead`)];
    await client.call(request.declare(1, nameOf('b'), dying), 50, 11);
    await client.call(request.declare(1, nameOf('c')), 50, 11);
    await client.call(request.declare(1, `${run}-dead`), 50, 11);
    await client.close();
  }

  async #perform(operations: readonly Operation[], ledger: Ledger): Promise<void> {
    const apps = new Map<number, App>();
    const { port } = this.#sidecar;
    let isBlocked = false;
    const block = async (on: boolean) => {
      if (on !== isBlocked) await this.#broker.alarm?.(on);
      isBlocked = on;
    };
    try {
      for (const { connection, channel, hurry, action } of operations) {
        let app = apps.get(connection);
        // a broker that is blocked answers nobody who publishes: all that waits for an answer comes after it
        if (action.do === 'alarm') await block(action.on);
        else if (action.do !== 'publish' || !app?.has(channel)) await block(false);
        if (action.do === 'alarm') continue;
        if (!app?.isOpen) {
          app = await App.open(port, this.#broker.vhost, ledger);
          apps.set(connection, app);
        }
        await app.perform(channel, action, hurry || isBlocked);
      }
      await block(false);
      for (const app of apps.values()) if (app.isOpen) await app.close();
    } finally {
      await block(false);
      for (const app of apps.values()) app.drop();
    }
  }

  /** Takes what is left out of the queues, and holds it against the counters. */
  async #compare(ledger: Ledger, before: Metrics, direct: RawClient): Promise<void> {
    const left = { a: 0, b: 0, c: 0, dead: 0 };
    let problems: string[] = [];
    await until(
      async () => {
        const metrics = await this.#sidecar.metrics();
        for (const queue of ['a', 'b', 'c', 'dead'] as const) {
          for (const body of await drain(direct, `${ledger.run}-${queue}`)) {
            left[queue]++;
            ledger.saw(body);
          }
        }
        problems = [...this.#problems(ledger, metrics, left), ...beside(metrics, before)];
        return problems.length === 0;
      },
      () => problems.join('\n'),
      PATIENCE_MS,
    );
  }

  #problems(ledger: Ledger, metrics: Metrics, left: Record<'a' | 'b' | 'c' | 'dead', number>): string[] {
    const problems: string[] = [];
    const hold = (what: string, isTrue: boolean, values: object) => {
      if (!isTrue) problems.push(`${what}: ${JSON.stringify(values)}`);
    };
    const figure = (name: string, topic: Name, labels: Record<string, string>) =>
      metrics.sum(`event_${name}_total`, { topic: ledger.nameOf(topic), ...labels });

    for (const topic of NAMES) {
      const side = 'publish';
      const success = figure('throughput', topic, { side, status: 'success' });
      const failed = figure('throughput', topic, { side, status: 'failed' });
      const unknown = figure('unknown', topic, { side });
      const [sure, unsure] = [ledger.sure[topic], ledger.unsure[topic]];
      const stored = ledger.stored(topic);
      const gone = ledger.gone(topic);
      const values = { success, failed, unknown, sure, unsure, stored, gone };
      const ended = success + failed + unknown;
      hold(`every publish to ${topic} ends once`, sure <= ended && ended <= sure + unsure, values);
      hold(`no loss is claimed of what is in ${topic}`, stored <= success + unknown, values);
      // what can be purged or deleted may never be seen; without any question to the broker nothing more is known
      if (topic !== 'c' && this.#mode !== 'off') hold(`a success is in ${topic}`, success <= stored + gone, values);
    }
    for (const queue of ['a', 'b'] as const) {
      const side = 'consume';
      const success = figure('throughput', queue, { side, status: 'success' });
      const failed = figure('throughput', queue, { side, status: 'failed' });
      const lost = figure('lost', queue, { side });
      const vanished = ledger.vanished[queue];
      const values = { success, failed, lost, stored: ledger.stored(queue), left, vanished };
      // those of b that were rejected are in dead now
      const kept = ledger.stored(queue) - left[queue] - (success + failed);
      const isSettled = 0 <= kept && kept <= vanished;
      hold(`what is settled has left ${queue}`, isSettled, values);
      if (queue === 'a') hold('what is rejected without a dead-letter exchange is lost', lost === failed, values);
      else hold('what is rejected is where dead letters go, and not lost', failed === left.dead && lost === 0, values);
    }
    const settled = figure('throughput', 'c', { side: 'consume' });
    hold('what is settled was in c', settled <= ledger.stored('c'), { settled, stored: ledger.stored('c') });
    return problems;
  }
}

/** What has nothing to do with a queue: nothing stays open, and nothing escaped. */
function beside(metrics: Metrics, before: Metrics): string[] {
  const problems: string[] = [];
  for (const name of ['tracehare_connections', 'tracehare_channels', 'tracehare_unsettled_deliveries']) {
    if (metrics.sum(name) !== 0) problems.push(`${name} is ${metrics.sum(name)} with no app connected`);
  }
  for (const name of ['tracehare_unobserved_total', 'tracehare_observer_failures_total']) {
    for (const { labels } of metrics.matching(name)) {
      const more = metrics.sum(name, labels) - before.sum(name, labels);
      if (more !== 0) problems.push(`${name} ${JSON.stringify(labels)} grew by ${more}`);
    }
  }
  return problems;
}

/** The bodies of all messages that are ready; none where there is no queue. */
async function drain(client: RawClient, queue: string): Promise<string[]> {
  const bodies: string[] = [];
  // passive, so that it is there or the channel ends
  client.send(method(2, 20, 10, short('')), method(2, 60, 70, u16(0), short(queue), bits(true)));
  await client.take(20, 11);
  for (;;) {
    const got = await client.next();
    const [classId, methodId] = [got.readUInt16BE(7), got.readUInt16BE(9)];
    if (classId === 20 && methodId === 40) {
      client.send(method(2, 20, 41));
      return bodies;
    }
    if (methodId === 72) break;
    const size = Number((await client.next()).readBigUInt64BE(11));
    bodies.push(size === 0 ? '' : (await client.next()).toString('latin1', 7, 7 + size));
    client.send(method(2, 60, 70, u16(0), short(queue), bits(true)));
  }
  await client.call(request.closeChannel(2), 20, 41);
  return bodies;
}
