import { viewU64 } from '../../amqp/fields.ts';
import { FRAME_END, FRAME_HEAD, FRAME_METHOD, FRAME_OVERHEAD, keyOf } from '../../amqp/spec.ts';
import type { Session } from '../session/session.ts';

const ACK = keyOf('basic.ack');
/** class, method, delivery tag, and the octet with `multiple` */
const PAYLOAD = 4 + 9;
const SIZE = PAYLOAD + FRAME_OVERHEAD;
const TAG = FRAME_HEAD + 4;

/**
 * basic.ack frames of an app for one channel, as they come one behind the other: counted together.
 * Returns where they stop in `view` from `start` to `end`, where a method frame starts; they can pass as they are.
 * What is not plain about one of them is for TowardsBroker.
 */
export function wholeAcks(session: Session, view: DataView, start: number, end: number, now: number): number {
  const id = view.getUint16(start + 1);
  const channel = session.channel(id);
  if (channel === undefined || channel.outgoing !== undefined || channel.severed !== undefined) return start;
  const { deliveries, publishing } = channel;
  if (!publishing.isBetween || !deliveries.settlesAtOnce) return start;
  let p = start;
  while (p + SIZE <= end) {
    if (view.getUint8(p) !== FRAME_METHOD || view.getUint16(p + 1) !== id) break;
    if (view.getUint32(p + 3) !== PAYLOAD || view.getUint32(p + FRAME_HEAD) !== ACK) break;
    if (view.getUint8(p + SIZE - 1) !== FRAME_END) break;
    deliveries.ack(viewU64(view, p + TAG), (view.getUint8(p + SIZE - 2) & 1) !== 0, now);
    p += SIZE;
  }
  deliveries.countAcks();
  return p;
}
