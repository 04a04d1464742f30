import { loadConfig } from '../../src/config/load.ts';
import type { DeliveryEnded } from '../../src/events/lifecycle.ts';
import { Exposition } from '../../src/telemetry/exposition/exposition.ts';
import { createRig, handshake, type Rig } from '../../testing/plane-rig.ts';
import { textOf } from '../metrics/rig.ts';
import { compared, counted, Ids, linesOf } from './deliver-figures.ts';
import { Ledger } from './deliver-ledger.ts';

const { buckets, openTelemetryNames } = loadConfig({ argv: [], env: {} }).metrics;

export interface Settings {
  /** file with the rule that the queue `kept` dead-letters */
  config: string;
  window: number;
  sampler: 'parentbased_always_off' | 'always_on';
}

/** The data plane between two sockets, and beside it the ledger, which is told of what passes in the same order. */
export class Site {
  readonly ledger: Ledger;
  /** what was done, for whoever reads a counterexample */
  readonly log: string[] = [];
  readonly #rig: Rig;
  readonly #exposition = new Exposition({ version: '1', buckets, openTelemetryNames });
  readonly #detach: () => void;
  /** wall time of the start, microseconds */
  readonly #start: number;
  readonly #ids = new Ids();
  #isSlow = false;
  /** the app reads nothing any more */
  #appGone = false;
  #passed = { app: 0, broker: 0 };

  /** A connection with channel 1 open. */
  constructor({ window, config, sampler }: Settings) {
    const args = ['--limits-window-per-channel', String(window), '--config', config];
    this.#rig = createRig({ args, env: { OTEL_TRACES_SAMPLER: sampler } });
    this.ledger = new Ledger(window, ['kept']);
    this.#detach = this.#exposition.attach(this.#rig.cells);
    const opened = this.#rig.events().find((event) => event.type === 'connection.opened');
    if (opened === undefined) throw new Error('the connection was not told of');
    this.#start = opened.at;
    this.ledger.start = opened.at / 1000;
    handshake(this.#rig);
    this.#passed = { app: this.#rig.broker.bytesWritten, broker: this.#rig.app.bytesWritten };
  }

  end(): void {
    this.#detach();
    this.#rig.cells.close();
  }

  pass(ms: number): void {
    this.ledger.now += ms;
    this.#rig.pass(ms);
  }

  /** The wall now, microseconds. */
  micros(): number {
    return this.#start + this.ledger.now * 1000;
  }

  /** Compares all counts. */
  async look(): Promise<void> {
    const seen = counted(await textOf(this.#exposition.render()));
    this.#compare('counts', seen, linesOf(this.ledger.counts));
  }

  compareTold(): void {
    const events = this.#rig.events().filter((event): event is DeliveryEnded => event.type === 'delivery.ended');
    const { told, expected } = compared(events, this.ledger.told(), this.#start, this.#ids);
    this.#compare('told', told, expected);
    const written = { app: this.#rig.broker.bytesWritten, broker: this.#rig.app.bytesWritten };
    if (!this.#appGone) this.#compare('bytes', [JSON.stringify(written)], [JSON.stringify(this.#passed)]);
  }

  #compare(what: string, seen: string[], expected: string[]): void {
    const missing = without(expected, seen);
    const surplus = without(seen, expected);
    if (missing.length + surplus.length === 0) return;
    const lines = [...missing.map((line) => `  - ${line}`), ...surplus.map((line) => `  + ${line}`)];
    throw new Error(
      `after\n${this.log.map((line) => `  ${line}`).join('\n')}\n${what} (- expected, + seen):\n${lines.join('\n')}`,
    );
  }

  fromApp(what: string, ...frames: Buffer[]): void {
    this.log.push(`app: ${what}`);
    const chunk = Buffer.concat(frames);
    this.#passed.app += chunk.length;
    this.#rig.app.receive(chunk);
  }

  fromBroker(what: string, frames: Buffer[], inCrumbs = false): void {
    this.log.push(`broker: ${what}`);
    const bytes = Buffer.concat(frames);
    this.#passed.broker += bytes.length;
    const size = inCrumbs ? 7 : bytes.length;
    for (let at = 0; at < bytes.length; at += size)
      this.#rig.broker.receive(Buffer.from(bytes.subarray(at, at + size)));
    if (this.#appGone) return;
    if (this.#isSlow) this.ledger.fellBehind();
    else this.ledger.flushed();
  }

  kernel(takes: 'nothing' | 'some' | 'all'): void {
    const socket = this.#rig.app;
    if (takes === 'nothing') {
      this.#isSlow = socket.isSlow = true;
    } else if (takes === 'all') {
      this.#isSlow = socket.isSlow = false;
      socket.writableLength = 0;
      for (const taken of socket.waiting.splice(0)) taken();
      this.ledger.flushed();
    } else {
      if (socket.writableLength < 2) return;
      socket.writableLength = Math.ceil(socket.writableLength / 2);
      socket.waiting.shift()?.();
    }
    this.log.push(`the app's kernel takes ${takes}`);
  }

  /** A FIN: the app says nothing more, and reads on. */
  appEnds(): void {
    this.#rig.app.emit('end');
  }

  /** The socket of one side is gone, as Node leaves it. */
  gone(side: 'app' | 'broker', withAnError: boolean): void {
    if (side === 'app') this.#appGone = true;
    const socket = this.#rig[side];
    if (withAnError) {
      socket.errored = new Error('read ECONNRESET');
      socket.emit('error', socket.errored);
    }
    Object.assign(socket, { destroyed: true, readableEnded: true, writableEnded: true });
    socket.emit('close');
  }
}

/** Lines of `a` that are not in `b`, as often as they are more. */
function without(a: string[], b: string[]): string[] {
  const rest = b.slice();
  return a.filter((line) => {
    const at = rest.indexOf(line);
    if (at >= 0) rest.splice(at, 1);
    return at < 0;
  });
}
