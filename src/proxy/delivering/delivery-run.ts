import { Run } from '../open-messages/run.ts';
import type { DeliveryTally } from '../ports/observer.ts';
import type { Consumer } from './consumer.ts';

/** In Run.marks: they were read from a stream, which keeps them. */
export const STREAM_READ = 1;

/** Deliveries that passed towards the app one behind the other, with tags in a row and all of a run in common. */
export class DeliveryRun extends Run<DeliveryTally> {
  /** the consumer or basic.get that they are for */
  source!: Consumer;
  /** the first one's delivery tag */
  tag = 0;
  redelivered = false;
  /** a get-ok, not a basic.deliver */
  get = false;
  /** the first of messages that a Tracehare stamped, out of a queue and not out of a stream */
  isFirst = false;
  /** of the newest x-death entry; '' without one */
  deadLetterQueue = '';
  deadLetterReason = '';
  /** faults that struck its only message, separated by commas; '' for none */
  fault = '';
}
