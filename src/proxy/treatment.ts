/** How much is done to learn what became of publishes (DESIGN, Command line: --loss). */
export type LossMode = 'off' | 'returns' | 'confirms';

/** What names a message's passage: what configuration can tell passages apart by, once per route. */
export interface PassageNames {
  side: 'publish' | 'consume';
  vhost: string;
  exchange: string;
  routingKey: string;
  /** '' for publishes */
  queue: string;
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
  /** first deliveries each publish should lead to; undefined: nobody said */
  fanout: number | undefined;
}

/** Decides by names alone, so that its answer can be kept with the route. */
export type Treat = (names: PassageNames) => Treatment;

/** Who is never shadowed, by what a client says of itself; every key given must match. */
export interface ClientMatch {
  product?: string;
  connectionName?: string;
  user?: string;
}
