import { type RabbitMQ, startRabbitMQ } from '../../testing/rabbitmq.ts';
import { Entrance } from './entrance.ts';

/** A broker, and two ways to it: in one the sidecar is replaced now and then, in the other it must last. */
export class World {
  readonly broker: RabbitMQ;
  readonly lasting: Entrance;
  readonly replaced: Entrance;
  readonly entrances: readonly Entrance[];
  readonly #began = performance.now();

  private constructor(broker: RabbitMQ, lasting: Entrance, replaced: Entrance) {
    this.broker = broker;
    this.lasting = lasting;
    this.replaced = replaced;
    this.entrances = [lasting, replaced];
  }

  static async start(queues: readonly string[]): Promise<World> {
    const broker = await startRabbitMQ();
    for (const queue of queues) await broker.management.call('PUT', `queues/%2F/${queue}`, { durable: true });
    const lasting = await Entrance.open(broker.port);
    return new World(broker, lasting, await Entrance.open(broker.port));
  }

  get minutes(): number {
    return (performance.now() - this.#began) / 60_000;
  }

  read(): void {
    for (const entrance of this.entrances) entrance.read(this.minutes);
  }

  async addFault(fault: object): Promise<void> {
    await Promise.all(this.entrances.map((entrance) => entrance.addFault(fault)));
  }

  async endFaults(): Promise<void> {
    await Promise.all(this.entrances.map((entrance) => entrance.endFaults()));
  }

  /** Sum over all sidecars that have ended. */
  sum(name: string, attributes: Record<string, string>): number {
    return this.entrances.reduce((total, entrance) => total + entrance.sum(name, attributes), 0);
  }

  async stop(): Promise<void> {
    for (const entrance of this.entrances) await entrance.stop();
    await this.broker.stop();
  }
}
