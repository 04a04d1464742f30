import type { FindingKind } from '../../proxy/ports/sighting.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** When sightings make a finding, and what to do about it. */
export const KINDS: Record<FindingKind, { least: number; within: number; cure: string }> = {
  unlimited_prefetch: {
    least: 1,
    within: HOUR,
    cure: 'Set a prefetch (basic.qos) before consuming: as many as the consumer can work on in a second or two.',
  },
  connection_churn: {
    least: 10,
    within: MINUTE,
    cure: 'Open one connection when the app starts and keep it: opening one takes more than the messages it is for.',
  },
  channel_churn: {
    least: 20,
    within: MINUTE,
    cure: 'Keep a channel for each thread and use it again, instead of opening one for each message.',
  },
  declared_differently: {
    least: 1,
    within: HOUR,
    cure: 'Let one app own the declaration, or agree on it; others declare passively. Arguments may also go into a policy.',
  },
  transient_in_durable: {
    least: 1,
    within: HOUR,
    cure: 'Publish with delivery mode 2 (persistent), or declare the queue transient if its messages may be lost.',
  },
  nothing_bound: {
    least: 3,
    within: HOUR,
    cure: 'Bind a queue with this routing key, correct the key, or say unroutable: expected in a rule if nobody need listen.',
  },
  no_ack: {
    least: 1,
    within: HOUR,
    cure: 'Consume with acknowledgement, and ack when the work is done: what is under way is lost when the consumer ends.',
  },
  polling: {
    least: 30,
    within: MINUTE,
    cure: 'Consume (basic.consume) with a prefetch instead of asking by basic.get: a round trip for each message, and for none.',
  },
};
