import type { LossReason, PublishTally, UnknownReason } from '../../proxy/ports/observer.ts';
import type { BucketLayout } from '../metrics/bucket-layout.ts';
import { NONE } from '../metrics/cells.ts';
import { OVERFLOW } from '../metrics/label-values.ts';
import { Tally, type TallyOwner } from './tally.ts';

const LABELS = ['topic', 'pipeline'] as const;
const SIDE = 'publish';
const OPERATION = 'publish';
const NOT_CONFIGURED = -1;

/** One topic's publishes. Nothing here allocates but the first count of a series. */
export class PublishCells extends Tally implements PublishTally {
  readonly #confirmLayout: BucketLayout;
  readonly #sentLayout: BucketLayout | undefined;
  readonly #replyLayout: BucketLayout;
  #passed = NONE;
  #bytes = NONE;
  #success = NONE;
  #failed = NONE;
  #confirm = NONE;
  #sent = NONE;
  #expected = NONE;
  #spared = NONE;
  #fanout = NONE;
  #replies = NONE;
  #repliesMissing = NONE;
  #repliesLate = NONE;
  #overRate = NONE;
  #heldBack = NONE;
  /** as told: kept when the tally is freed, for it is told only once */
  #deliveries = NOT_CONFIGURED;

  /** `durations`: whether publish-to-outcome times are kept, for OpenTelemetry's names. */
  constructor(owner: TallyOwner, topic: string, pipeline: string, durations: boolean) {
    super(owner, 'messages', LABELS, [topic, pipeline]);
    this.#confirmLayout = owner.store.layouts.confirm as BucketLayout;
    this.#sentLayout = durations ? owner.store.layouts.sent : undefined;
    this.#replyLayout = owner.store.layouts.replies as BucketLayout;
  }

  passed(bodyBytes: number, count = 1): void {
    if (this.#passed === NONE) {
      this.#passed = this.claim('passed', [...this.names, OPERATION]);
      this.#bytes = this.claim('bytes', [...this.names, SIDE]);
      this.#showFanout();
    }
    this.cells[this.#passed] += count;
    this.cells[this.#bytes] += bodyBytes;
  }

  succeeded(seconds: number, count = 1): void {
    if (this.#success === NONE) this.#openOutcomes();
    this.cells[this.#success] += count;
    if (this.#sentLayout === undefined) return;
    if (this.#sent === NONE) this.#sent = this.claim('sent', [...this.names, '']);
    this.observe(this.#sent, this.#sentLayout, seconds, count);
  }

  lost(reason: LossReason, seconds: number): void {
    if (this.#failed === NONE) this.#openOutcomes();
    this.cells[this.#failed] += 1;
    const at = this.found('lost', reason) || this.keyed('lost', reason, [...this.names, SIDE, reason]);
    this.cells[at] += 1;
    this.#took(reason, seconds);
  }

  spared(seconds: number): void {
    if (this.#failed === NONE) this.#openOutcomes();
    this.cells[this.#failed] += 1;
    if (this.#spared === NONE) this.#spared = this.claim('spared', this.names);
    this.cells[this.#spared] += 1;
    this.#took('nacked', seconds);
  }

  #took(reason: LossReason, seconds: number): void {
    if (this.#sentLayout === undefined) return;
    const sent = this.found('sent', reason) || this.keyed('sent', reason, [...this.names, reason]);
    this.observe(sent, this.#sentLayout, seconds, 1);
  }

  lostLate(reason: LossReason): void {
    this.cells[this.found('lost_late', reason) || this.keyed('lost_late', reason, [...this.names, SIDE, reason])] += 1;
  }

  unknown(reason: UnknownReason, count = 1): void {
    this.cells[this.found('unknown', reason) || this.keyed('unknown', reason, [...this.names, SIDE, reason])] += count;
  }

  confirmed(seconds: number, count = 1): void {
    if (this.#confirm === NONE) this.#confirm = this.claim('confirm', this.names);
    this.observe(this.#confirm, this.#confirmLayout, seconds, count);
  }

  replied(seconds: number): void {
    if (this.#replies === NONE) this.#openReplies();
    this.observe(this.#replies, this.#replyLayout, seconds, 1);
  }

  replyMissing(): void {
    if (this.#replies === NONE) this.#openReplies();
    this.cells[this.#repliesMissing] += 1;
  }

  repliedLate(): void {
    if (this.#repliesLate === NONE) this.#repliesLate = this.claim('replies_late', this.names);
    this.cells[this.#repliesLate] += 1;
  }

  /** Both together: a share of missing answers can be computed from the first question on. */
  #openReplies(): void {
    this.#replies = this.claim('replies', this.names);
    this.#repliesMissing = this.claim('replies_missing', this.names);
  }

  unroutedAsExpected(): void {
    if (this.#expected === NONE) this.#expected = this.claim('unrouted_expected', this.names);
    this.cells[this.#expected] += 1;
  }

  /** NaN: not configured any more. */
  fanout(deliveries: number): void {
    this.#deliveries = Number.isNaN(deliveries) ? NOT_CONFIGURED : deliveries;
    this.#showFanout();
  }

  overRate(): void {
    if (this.#overRate === NONE) this.#overRate = this.claim('over_rate', [...this.names, SIDE]);
    this.cells[this.#overRate] += 1;
  }

  heldBack(seconds: number): void {
    if (this.#heldBack === NONE) this.#heldBack = this.claim('held_back', [...this.names, SIDE]);
    this.cells[this.#heldBack] += seconds;
  }

  protected override forget(): void {
    this.#passed = this.#bytes = this.#success = this.#failed = this.#confirm = this.#sent = NONE;
    this.#replies = this.#repliesMissing = this.#repliesLate = NONE;
    this.#expected = this.#spared = this.#fanout = this.#overRate = this.#heldBack = NONE;
  }

  /** Not for what is beyond a label's limit: topics of any fan-out meet there. */
  #showFanout(): void {
    if (this.#fanout === NONE) {
      if (this.#deliveries === NOT_CONFIGURED || this.names.includes(OVERFLOW)) return;
      this.#fanout = this.claim('fanout', this.names);
    }
    this.cells[this.#fanout] = this.#deliveries;
  }

  /** Both together: a share of failures can be computed from the first outcome on. */
  #openOutcomes(): void {
    this.#success = this.claim('outcomes', [...this.names, SIDE, 'success']);
    this.#failed = this.claim('outcomes', [...this.names, SIDE, 'failed']);
  }
}
