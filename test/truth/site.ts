import { startTracehare, type Tracehare } from '../../testing/tracehare.ts';
import { createVhost, type Vhost } from '../../testing/vhost.ts';
import { until } from '../../testing/wait.ts';
import { App } from './apps.ts';
import { Count, type Setting } from './figures.ts';
import { Ledger } from './ledger.ts';
import { type Link, type Pipe, startPipe } from './pipe.ts';

/** An app's connection with what passed on it. */
export interface Place {
  app: App;
  ledger: Ledger;
  link: Link;
}

/** Apps, a sidecar, a pipe that keeps the ledgers, a vhost of the broker: in this order. */
export class Site {
  readonly vhost: Vhost;
  readonly sidecar: Tracehare;
  readonly setting: Setting;
  readonly ledgers: Ledger[] = [];
  readonly #pipe: Pipe;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(vhost: Vhost, pipe: Pipe, sidecar: Tracehare, setting: Setting, ledgers: Ledger[]) {
    this.vhost = vhost;
    this.sidecar = sidecar;
    this.setting = setting;
    this.ledgers = ledgers;
    this.#pipe = pipe;
  }

  static async start(): Promise<Site> {
    const vhost = await createVhost();
    const ledgers: Ledger[] = [];
    const setting = { pipeline: vhost.name, serverPort: 0 };
    const pipe = await startPipe(vhost.port, () => {
      const ledger = new Ledger(setting);
      ledgers.push(ledger);
      return (...frame) => ledger.frame(...frame);
    });
    setting.serverPort = pipe.port;
    const sidecar = await startTracehare({ upstream: `amqp://127.0.0.1:${pipe.port}`, args: ['--loss', 'off'] });
    return new Site(vhost, pipe, sidecar, setting, ledgers);
  }

  /** Options as amqplib takes them in its URL. */
  open(options = ''): Promise<Place> {
    // one after the other: the latest link is the app's
    return this.#alone(async () => {
      const app = await App.open(`${this.vhost.url(this.sidecar.port)}${options}`, this.setting);
      return { app, ledger: this.ledgers.at(-1) as Ledger, link: this.#pipe.links.at(-1) as Link };
    });
  }

  /** In order. Its ledger is complete then. */
  async close({ app, link, ledger }: Place): Promise<void> {
    await app.model.close();
    await until(() => link.ended, 'the link has ended');
    ledger.end();
  }

  /**
   * Kills an app's connection at a moment at which it is certain what the sidecar knows: it has read
   * all that was handed to it, and gets no more. `burst` is what the app does last; what of it still
   * passes is up to the sockets. Its ledger is complete then.
   */
  kill({ app, link, ledger }: Place, how: 'FIN' | 'RST', inside: number, burst = async () => {}): Promise<void> {
    return this.#alone(async () => {
      this.#pipe.freeze();
      try {
        const downstream = { direction: 'downstream' };
        await until(
          async () => (await this.sidecar.metrics()).sum('tracehare_relay_bytes_total', downstream) === this.#pipe.sent,
          'the sidecar has read everything',
        );
        link.cut();
        await burst();
        app.kill(how, inside);
        await until(() => link.ended, 'the link has ended');
        ledger.end();
      } finally {
        this.#pipe.thaw();
      }
    });
  }

  /** What is on all ledgers. */
  total(): Count {
    const total = new Count(this.setting);
    for (const { figures } of this.ledgers) total.add(figures);
    return total;
  }

  /** Bytes that the sidecar was given to hand on to apps. */
  get bytesDown(): number {
    return this.#pipe.sent;
  }

  get published(): number {
    return this.ledgers.reduce((sum, { published }) => sum + published, 0);
  }

  get unsettled(): number {
    return this.ledgers.reduce((sum, { unsettled }) => sum + unsettled, 0);
  }

  async stop(): Promise<void> {
    await this.vhost.remove();
    await this.sidecar.stop();
    await this.#pipe.stop();
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => {});
    return result;
  }
}
