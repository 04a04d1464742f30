import type { Channel } from './channel.ts';
import type { ChannelConsumer } from './channel-consumer.ts';
import type { Entry, Queue } from './queue.ts';
import { Refusal } from './refusal.ts';

interface Delivery {
  tag: number;
  queue: Queue;
  entry: Entry;
  /** undefined: it was got */
  consumer: ChannelConsumer | undefined;
}

export type Outcome = 'ack' | 'reject' | 'requeue';

/** A channel's deliveries that await their settlement. */
export class Settlements {
  readonly #channel: Channel;
  /** by tag, so in order */
  readonly #open = new Map<number, Delivery>();
  #tag = 0;
  /** settled in a transaction that is open: taken out at once, so that nobody settles them twice */
  #uncommitted: { deliveries: Delivery[]; outcome: Outcome }[] = [];
  /** unsettled ones that a consumer got */
  consumed = 0;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  /** An answer over direct reply-to bears it too, without its being used up. */
  get nextTag(): number {
    return this.#tag + 1;
  }

  /** Returns the delivery's tag. */
  open(queue: Queue, entry: Entry, noAck: boolean, consumer?: ChannelConsumer): number {
    const tag = ++this.#tag;
    if (noAck) queue.done(entry);
    else {
      this.#open.set(tag, { tag, queue, entry, consumer });
      if (consumer !== undefined) {
        consumer.unsettled++;
        this.consumed++;
      }
    }
    return tag;
  }

  settle(tag: number, multiple: boolean, outcome: Outcome): void {
    const deliveries = this.#take(tag, multiple);
    if (this.#channel.mode === 'tx') this.#uncommitted.push({ deliveries, outcome });
    else this.#end(deliveries, outcome);
  }

  commit(): void {
    for (const { deliveries, outcome } of this.#uncommitted.splice(0)) this.#end(deliveries, outcome);
  }

  /** They await their settlement again. */
  rollBack(): void {
    const back = this.#uncommitted.splice(0).flatMap(({ deliveries }) => deliveries);
    const all = [...this.#open.values(), ...back].toSorted((a, b) => a.tag - b.tag);
    this.#open.clear();
    for (const each of all) this.#open.set(each.tag, each);
  }

  requeueAll(): void {
    const deliveries = [...this.#open.values()];
    this.#open.clear();
    this.#end(deliveries, 'requeue');
  }

  #take(tag: number, multiple: boolean): Delivery[] {
    if (!(multiple && tag === 0) && !this.#open.has(tag)) {
      throw new Refusal('PRECONDITION_FAILED', `unknown delivery tag ${tag}`);
    }
    const taken: Delivery[] = [];
    const take = (delivery: Delivery) => {
      taken.push(delivery);
      this.#open.delete(delivery.tag);
    };
    if (!multiple) take(this.#open.get(tag) as Delivery);
    else
      for (const each of this.#open.values()) {
        if (tag !== 0 && each.tag > tag) break;
        take(each);
      }
    return taken;
  }

  #end(deliveries: readonly Delivery[], outcome: Outcome): void {
    const queues = new Set<Queue>();
    for (const { queue, entry, consumer } of deliveries) {
      queues.add(queue);
      if (consumer !== undefined) {
        consumer.unsettled--;
        this.consumed--;
      }
      if (outcome === 'ack') queue.done(entry);
      else if (outcome === 'reject') queue.reject(entry);
    }
    for (const queue of queues) {
      if (outcome === 'requeue')
        queue.requeue(deliveries.filter((each) => each.queue === queue).map(({ entry }) => entry));
      queue.run();
    }
    // consumers of other queues had to wait too
    if (this.#channel.globalPrefetch > 0) this.#channel.run();
  }
}
