import { viewU64 } from '../../amqp/fields.ts';
import { FRAME_END, FRAME_HEAD, FRAME_METHOD, FRAME_OVERHEAD, keyOf } from '../../amqp/spec.ts';
import type { Session } from '../session/session.ts';

const ACK = keyOf('basic.ack');
/** class, method, delivery tag, and the octet with `multiple` */
const PAYLOAD = 4 + 9;
const SIZE = PAYLOAD + FRAME_OVERHEAD;
const TAG = FRAME_HEAD + 4;

/** No run yet: no tag follows on this one. */
const NONE = -2;

/**
 * basic.ack frames that lie whole in a chunk one behind the other, of one channel: those whose tags follow on each
 * other are one run. `each` is given the tags from the first to the last; from 0 if that is all up to the last, and
 * both 0 if that is all so far. Returns where they stop in `view` from `start` to `end`, where a method frame starts.
 */
export function scanAcks(view: DataView, start: number, end: number, each: (from: number, to: number) => void): number {
  const id = view.getUint16(start + 1);
  let p = start;
  let from = NONE;
  let to = NONE;
  while (p + SIZE <= end) {
    if (view.getUint8(p) !== FRAME_METHOD || view.getUint16(p + 1) !== id) break;
    if (view.getUint32(p + 3) !== PAYLOAD || view.getUint32(p + FRAME_HEAD) !== ACK) break;
    if (view.getUint8(p + SIZE - 1) !== FRAME_END) break;
    const tag = viewU64(view, p + TAG);
    const multiple = (view.getUint8(p + SIZE - 2) & 1) !== 0;
    // tag 0 without `multiple` is wrong: the broker will say so
    if (!multiple && tag === 0) break;
    // `multiple` names its last tag alone, so a single one behind it stays apart: the broker may refuse that
    if (!multiple && from > 0 && tag === to + 1) to = tag;
    else {
      if (to !== NONE) each(from, to);
      from = multiple ? 0 : tag;
      to = tag;
    }
    p += SIZE;
  }
  if (to !== NONE) each(from, to);
  return p;
}

/** Acks of the app: they pass as they are. It stops in front of what is not plain, which comes to FromApp frame by frame. */
export function scanAppAcks(session: Session, view: DataView, start: number, end: number, now: number): number {
  const channel = session.channel(view.getUint16(start + 1));
  if (channel === undefined || channel.upstreamDetours.any || !channel.state.isOpen) return start;
  const { deliveries } = channel;
  return scanAcks(view, start, end, (from, to) => deliveries.settle({ how: 'ack', from, to, requeue: false }, now));
}

/**
 * Confirms of the broker that the app asked for, and knows by the same tags: they pass as they are. All others are for
 * FromBroker.
 */
export function scanConfirms(session: Session, view: DataView, start: number, end: number, now: number): number {
  const channel = session.channel(view.getUint16(start + 1));
  if (channel === undefined || channel.downstreamDetours.any) return start;
  const { publishes } = channel;
  if (!publishes.confirmsPassAsTheyAre) return start;
  return scanAcks(view, start, end, (from, to) => publishes.confirmed(from, to, true, now));
}
