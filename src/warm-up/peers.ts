import { once } from 'node:events';
import type { Socket } from 'node:net';
import { PROTOCOL_HEADER } from '../amqp/spec.ts';
import type { Batch } from './batch.ts';
import { FrameCount } from './frame-count.ts';
import { app, broker } from './frames.ts';

/** Method, content header and body. */
const FRAMES_OF_A_MESSAGE = 3;

/** An app and its broker, both of them us, with the data plane between them. */
export class Peers {
  readonly #app: Socket;
  readonly #broker: Socket;
  readonly #acknowledged: boolean;
  readonly #atApp: FrameCount;
  readonly #atBroker: FrameCount;
  #passed = 0;

  /** `acknowledged`: the app asks for confirms and settles by hand. Resolves when it publishes and consumes on a channel. */
  static async open(app: Socket, broker: Socket, acknowledged: boolean): Promise<Peers> {
    app.write(PROTOCOL_HEADER);
    // no frame, so nothing to count
    await once(broker, 'readable');
    broker.read(PROTOCOL_HEADER.length);
    const peers = new Peers(app, broker, acknowledged);
    await peers.#open();
    return peers;
  }

  private constructor(app: Socket, broker: Socket, acknowledged: boolean) {
    this.#app = app;
    this.#broker = broker;
    this.#acknowledged = acknowledged;
    this.#atApp = new FrameCount(app);
    this.#atBroker = new FrameCount(broker);
  }

  async #open(): Promise<void> {
    this.#broker.write(broker.start);
    await this.#atApp.come(1);
    await this.#ask(app.startOk, broker.tune);
    await this.#tell(app.tuneOk);
    await this.#ask(app.open, broker.openOk);
    await this.#ask(app.channelOpen, broker.channelOpenOk);
    if (this.#acknowledged) await this.#ask(app.confirmSelect, broker.confirmSelectOk);
    await this.#ask(app.consume(!this.#acknowledged), broker.consumeOk);
  }

  async #tell(frame: Buffer): Promise<void> {
    this.#app.write(frame);
    await this.#atBroker.come(1);
  }

  async #ask(question: Buffer, answer: Buffer): Promise<void> {
    await this.#tell(question);
    this.#broker.write(answer);
    await this.#atApp.come(1);
  }

  /** They are published, confirmed, delivered and settled; `singly`: one by one. */
  async pass(batch: Batch, singly: boolean): Promise<void> {
    const first = this.#passed + 1;
    const { size } = batch;
    this.#passed += size;
    this.#app.write(batch.publishes);
    await this.#atBroker.come(size * FRAMES_OF_A_MESSAGE);
    if (this.#acknowledged) {
      this.#broker.write(batch.ack(first));
      await this.#atApp.come(1);
    }
    this.#broker.write(batch.deliveries(first));
    await this.#atApp.come(size * FRAMES_OF_A_MESSAGE);
    if (this.#acknowledged) {
      this.#app.write(singly ? batch.acks(first) : batch.ack(first));
      await this.#atBroker.come(singly ? size : 1);
    }
    // what awaits a return is settled by the next answer
    else if (singly) await this.#ask(app.qos, broker.qosOk);
  }
}
