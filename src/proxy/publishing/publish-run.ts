import { Run } from '../open-messages/run.ts';
import type { PublishTally } from '../ports/observer.ts';
import type { Route } from '../routing/routes.ts';

/** Publishes that passed towards the broker one behind the other, with all of a run in common. */
export class PublishRun extends Run<PublishTally> {
  /** faults that struck its only message, separated by commas; '' for none */
  fault = '';
}

/** A message that came back: what its basic.return and its header say. */
export interface Returned {
  route: Route<PublishTally>;
  /** trace and span of its context; undefined without one */
  ids: Uint32Array | undefined;
  /** x-tracehare-sent, NaN without one */
  stamp: number;
  /** bytes of the body */
  size: number;
  code: number;
  reply: string;
}
