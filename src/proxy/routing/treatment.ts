import type { ContentHeader } from '../../amqp/content.ts';
import type { Fault } from '../ports/verdict.ts';
import type { RateLimit } from './rate-limit.ts';

/** How much is done to learn what became of publishes (docs/loss.md#modes-and-what-they-cost). */
export type LossMode = 'off' | 'returns' | 'confirms';

/** The names by which configuration can tell messages apart. It is asked once per route. */
export interface PassageNames {
  side: 'publish' | 'consume';
  vhost: string;
  exchange: string;
  routingKey: string;
  /** '' for publishes */
  queue: string;
  /** of the client whose connection it is (Rules.group) */
  group: string;
}

/** What configuration says of the messages of one route. */
export interface Treatment {
  /** the low-cardinality name under which they are counted */
  topic: string;
  /** value of the pipeline label; undefined: the connection's (option or vhost) */
  pipeline: string | undefined;
  /** false: neither of our headers is added, and there is no end-to-end latency */
  propagate: boolean;
  loss: LossMode;
  /** nobody may be subscribed: unroutable is counted apart and is no loss */
  unroutableExpected: boolean;
  /** rejected messages of this queue go somewhere: no loss */
  deadLetters: boolean;
  /** first deliveries each publish should lead to; undefined: not configured */
  fanout: number | undefined;
  /** share of its new traces that are sampled; undefined: as the sampler decides */
  sample: number | undefined;
  /** what is done to the headers of publishes; undefined: nothing */
  headers: HeaderChange | undefined;
  rateLimit: RateLimit | undefined;
  /** what may be done to them on purpose; undefined: nothing */
  faults: readonly Fault[] | undefined;
  /** faults may strike its messages, or only those of them that `byMessage` picks */
  mayStrike: boolean;
  /** there are rules that go by more than names: this treatment is for messages that fit none of them */
  byMessage: ByMessage | undefined;
}

/** What is done to the headers that an app set. */
export interface HeaderChange {
  /** whole table entries, as on the wire, and their names alone */
  readonly add: readonly { readonly name: Uint8Array; readonly entry: Uint8Array }[];
  readonly remove: readonly Uint8Array[];
  /** `add` replaces a header of that name; otherwise the app's stays */
  readonly replace: boolean;
}

/** What is known of a message only when its content header is there. */
export interface ByMessage {
  /** A bit for each of the rules that fit this message; at most 30. Throws MalformedError. */
  mask(header: ContentHeader): number;
  /** of the message that `mask` was asked of: what the topic of a rule is to be made of; '' for nothing */
  captured: string;
  treatment(mask: number, captured?: string): Treatment;
}

/** What a client says of itself; '' where it says nothing. */
export interface Client {
  product: string;
  connectionName: string;
  user: string;
}

/** The rules as the data plane asks them. */
export interface Rules {
  /** The same text for all clients that the same rules fit, '' for none: they share their routes. */
  group(client: Client): string;
  /** Decides by names alone, so that its answer can be kept with the route. */
  treat(names: PassageNames): Treatment;
}

/** Who is never shadowed, by what a client says of itself; every key given must match. */
export interface ClientMatch {
  product?: string;
  connectionName?: string;
  user?: string;
}
