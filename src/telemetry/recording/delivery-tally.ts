import type { DeliveryTally, LossReason, RequeueReason, UnknownReason } from '../../proxy/ports/observer.ts';
import type { BucketLayout } from '../metrics/bucket-layout.ts';
import { NONE } from '../metrics/cells.ts';
import { foldName } from '../metrics/fold.ts';
import { OwnPast } from './slowness.ts';
import { Tally, type TallyOwner } from './tally.ts';

const LABELS = ['topic', 'pipeline', 'queue'] as const;
const SIDE = 'consume';
/** The header is the publisher's to forge: whatever else it says shares one value. */
const DEATHS = new Set(['rejected', 'expired', 'maxlen', 'delivery_limit']);

/** One topic's deliveries out of one queue. Nothing here allocates but the first count of a series. */
export class DeliveryCells extends Tally implements DeliveryTally {
  readonly #latencyLayout: BucketLayout;
  readonly #processingLayout: BucketLayout;
  readonly #handlerLayout: BucketLayout;
  readonly #successLayout: BucketLayout;
  readonly #attemptsLayout: BucketLayout;
  readonly past: OwnPast;
  #delivered = NONE;
  #got = NONE;
  #bytes = NONE;
  #success = NONE;
  #failed = NONE;
  #redelivered = NONE;
  #first = NONE;
  #streamReads = NONE;
  #latency = NONE;
  #processing = NONE;
  #attempts = NONE;
  #timeToSuccess = NONE;
  #poison = NONE;
  #prefetchWait = NONE;
  #handler = NONE;
  #unsettled = NONE;
  #overRate = NONE;
  #heldBack = NONE;
  /** dead letters by queue, then by reason; most tallies see none */
  #dead: Map<string, Map<string, number>> | undefined;

  constructor(owner: TallyOwner, topic: string, pipeline: string, queue: string) {
    super(owner, 'messages', LABELS, [topic, pipeline, queue]);
    this.#latencyLayout = owner.store.layouts.latency as BucketLayout;
    this.#processingLayout = owner.store.layouts.processing as BucketLayout;
    this.#handlerLayout = owner.store.layouts.handler as BucketLayout;
    this.#successLayout = owner.store.layouts.time_to_success as BucketLayout;
    this.#attemptsLayout = owner.store.layouts.attempts as BucketLayout;
    this.past = new OwnPast(this.#successLayout);
  }

  passed(bodyBytes: number, redelivered: boolean, get: boolean, count = 1): void {
    if (this.#bytes === NONE) this.#bytes = this.claim('bytes', this.#topic(SIDE));
    if (get) {
      if (this.#got === NONE) this.#got = this.claim('passed', this.#topic('receive'));
      this.cells[this.#got] += count;
    } else {
      if (this.#delivered === NONE) this.#delivered = this.claim('passed', this.#topic('process'));
      this.cells[this.#delivered] += count;
    }
    this.cells[this.#bytes] += bodyBytes;
    if (!redelivered) return;
    if (this.#redelivered === NONE) this.#redelivered = this.claim('redelivered', this.#topic());
    this.cells[this.#redelivered] += count;
  }

  first(seconds: number, count = 1): void {
    if (this.#first === NONE) this.#first = this.claim('first', this.#topic());
    this.cells[this.#first] += count;
    this.#came(seconds, count);
  }

  streamRead(seconds: number, count = 1): void {
    if (this.#streamReads === NONE) this.#streamReads = this.claim('stream_reads', this.#topic());
    this.cells[this.#streamReads] += count;
    this.#came(seconds, count);
  }

  /** So long after their publish. */
  #came(seconds: number, count: number): void {
    if (Number.isNaN(seconds)) return;
    if (this.#latency === NONE) this.#latency = this.claim('latency', this.#topic());
    this.observe(this.#latency, this.#latencyLayout, seconds, count);
  }

  succeeded(seconds: number, autoAck: boolean, count = 1): void {
    if (this.#success === NONE) this.#openOutcomes();
    this.cells[this.#success] += count;
    if (autoAck) return;
    if (this.#processing === NONE) this.#processing = this.claim('processing', [...this.names, '']);
    this.observe(this.#processing, this.#processingLayout, seconds, count);
  }

  handled(waited: number, worked: number, count = 1): void {
    if (this.#handler === NONE) {
      this.#prefetchWait = this.claim('prefetch_wait', this.names);
      this.#handler = this.claim('handler', this.names);
    }
    this.observe(this.#prefetchWait, this.#handlerLayout, waited, count);
    this.observe(this.#handler, this.#handlerLayout, worked, count);
  }

  failed(reason: LossReason, seconds: number, lost: boolean): void {
    if (this.#failed === NONE) this.#openOutcomes();
    this.cells[this.#failed] += 1;
    if (lost) this.cells[this.found('lost', reason) || this.keyed('lost', reason, this.#topic(SIDE, reason))] += 1;
    if (Number.isNaN(seconds)) return;
    const at = this.found('processing', reason) || this.keyed('processing', reason, [...this.names, reason]);
    this.observe(at, this.#processingLayout, seconds, 1);
  }

  requeued(reason: RequeueReason, count = 1): void {
    this.cells[this.found('requeued', reason) || this.keyed('requeued', reason, this.#topic(reason))] += count;
  }

  unknown(reason: UnknownReason, count = 1): void {
    this.cells[this.found('unknown', reason) || this.keyed('unknown', reason, this.#topic(SIDE, reason))] += count;
  }

  deadLettered(fromQueue: string, reason: string): void {
    const admitted = this.owner.admit('queue', foldName(fromQueue));
    const [topic, pipeline] = this.names;
    this.#dead ??= new Map();
    const known = this.#dead.has(admitted);
    // whoever publishes can write any names into the header
    const queue = known ? admitted : this.owner.together('dead letters', [topic, pipeline, admitted])[2];
    let reasons = this.#dead.get(queue);
    if (reasons === undefined) {
      this.hold('queue', queue);
      this.holdTogether('dead letters', [topic, pipeline, queue]);
      reasons = new Map();
      this.#dead.set(queue, reasons);
    }
    const why = DEATHS.has(reason) ? reason : 'other';
    let cell = reasons.get(why);
    if (cell === undefined) {
      cell = this.claim('dead_lettered', this.#topic(queue, why));
      reasons.set(why, cell);
    }
    this.cells[cell] += 1;
  }

  done(attempts: number, seconds: number, count = 1): void {
    if (this.#attempts === NONE) this.#attempts = this.claim('attempts', this.#topic());
    this.observe(this.#attempts, this.#attemptsLayout, attempts, count);
    if (Number.isNaN(seconds)) return;
    if (this.#timeToSuccess === NONE) this.#timeToSuccess = this.claim('time_to_success', this.#topic());
    this.observe(this.#timeToSuccess, this.#successLayout, seconds, count);
  }

  /** Call it once a second. */
  advance(nowMs: number): void {
    if (this.#timeToSuccess !== NONE) this.past.advance(nowMs, this.cells, this.#timeToSuccess);
  }

  poisonous(): void {
    if (this.#poison === NONE) this.#poison = this.claim('poison', this.names);
    this.cells[this.#poison] += 1;
  }

  unsettled(change: number): void {
    if (this.#unsettled === NONE) this.#unsettled = this.claim('unsettled', this.names);
    this.cells[this.#unsettled] += change;
  }

  overRate(): void {
    if (this.#overRate === NONE) this.#overRate = this.claim('over_rate', this.#topic(SIDE));
    this.cells[this.#overRate] += 1;
  }

  heldBack(seconds: number): void {
    if (this.#heldBack === NONE) this.#heldBack = this.claim('held_back', this.#topic(SIDE));
    this.cells[this.#heldBack] += seconds;
  }

  protected override open(): number {
    return this.#unsettled === NONE ? 0 : this.cells[this.#unsettled];
  }

  protected override forget(): void {
    this.#delivered = this.#got = this.#bytes = this.#success = this.#failed = this.#redelivered = NONE;
    this.#first =
      this.#streamReads =
      this.#latency =
      this.#processing =
      this.#attempts =
      this.#timeToSuccess =
      this.#poison =
      this.#prefetchWait =
      this.#handler =
      this.#unsettled =
      this.#overRate =
      this.#heldBack =
        NONE;
    this.#dead = undefined;
    this.past.forget();
  }

  /** Label values of a series without a queue. */
  #topic(...more: string[]): string[] {
    return [this.names[0], this.names[1], ...more];
  }

  /** Both together: a share of failures can be computed from the first outcome on. */
  #openOutcomes(): void {
    this.#success = this.claim('outcomes', this.#topic(SIDE, 'success'));
    this.#failed = this.claim('outcomes', this.#topic(SIDE, 'failed'));
  }
}
