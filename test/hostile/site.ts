import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { loadConfig } from '../../src/config/load.ts';
import { Exposition } from '../../src/telemetry/exposition/exposition.ts';
import { Metrics } from '../../testing/metrics.ts';
import { app, broker } from '../../testing/peer-frames.ts';
import { createRig, handshake, type Rig } from '../../testing/plane-rig.ts';
import { textOf } from '../metrics/rig.ts';

export const KIB = 1024;
export const MIB = 1024 * KIB;

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

/** What is alive after all that nobody holds is gone. */
async function held(): Promise<number> {
  // a turn in between: what a timer or a promise has just let go of
  for (let i = 0; i < 3; i++) {
    gc();
    await turn();
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** As much as a socket hands over at once. */
const CHUNK = 64 * KIB;

type Side = 'app' | 'broker';

/** A connection of which one side, or both, want to do harm; what that costs is weighed. */
export class Site {
  readonly rig: Rig;
  readonly #exposition: Exposition;
  /** bytes that each side has said, beside the handshake */
  readonly #said = { app: 0, broker: 0 };
  readonly #before: Record<Side, number>;

  constructor(args: string[] = [], consume?: { tag: string; noAck: boolean }) {
    const argv = ['--loss', 'returns', ...args];
    this.rig = createRig({ args: argv });
    this.#exposition = new Exposition({ version: '0', ...loadConfig({ argv, env: {} }).metrics });
    this.#exposition.attach(this.rig.cells);
    handshake(this.rig, { ...(consume && { consume }) });
    this.#before = { app: this.rig.app.bytesWritten, broker: this.rig.broker.bytesWritten };
  }

  /** Says so many frames, made one by one, as fast as they are read; `pause`: ms that pass with each chunk. */
  async say(side: Side, count: number, frameOf: (i: number) => Uint8Array, pause = 0): Promise<void> {
    const socket = this.rig[side];
    let frames: Uint8Array[] = [];
    let bytes = 0;
    for (let i = 0; i < count; i++) {
      const frame = frameOf(i);
      frames.push(frame);
      bytes += frame.length;
      if (bytes < CHUNK && i < count - 1) continue;
      socket.receive(Buffer.concat(frames));
      this.#said[side] += bytes;
      frames = [];
      bytes = 0;
      // as the main thread does
      this.rig.emptyRing();
      if (pause > 0) this.rig.pass(pause);
      await turn();
    }
  }

  /** All that `side` has said reached the other one, as far as its length tells. */
  passedAsSaid(side: Side): boolean {
    const to = side === 'app' ? 'broker' : 'app';
    return this.rig[to].bytesWritten - this.#before[to] === this.#said[side];
  }

  /** Bytes that are kept because of what happens in `what`. */
  async kept(what: () => Promise<void>): Promise<number> {
    const before = await held();
    await what();
    return (await held()) - before;
  }

  /** What is counted. */
  async metrics(): Promise<Metrics> {
    return new Metrics(await this.scrape());
  }

  scrape(): Promise<string> {
    return textOf(this.#exposition.render());
  }
}

export { app, broker };
