/** A client library, its tests, and how to run them. One file each in suites/. */
export interface Client {
  /** also what `--only` takes, and the name of its clone in a folder of `--sources` */
  name: string;
  language: string;
  version: string;
  /** what is run, for the table: the library's own tests, or a scenario of ours */
  suite: string;
  source: Source;
  /** how long its tests may take, in minutes; what has not ended then has failed */
  minutes: number;
  /** Makes the folder of its source ready: dependencies, compiled tests. There is a network, but no broker yet. */
  prepare?(folder: string): Promise<void>;
  /**
   * Runs its tests against localhost, where RabbitMQ or a sidecar listens on the ports that everybody expects; nothing
   * else can be reached. With `only`: these alone, or few others beside them.
   */
  run(folder: string, broker: Reachable, only?: string[]): Promise<Results>;
  /** where its source has the certificates that its tests expect of the broker */
  certificates?: { ca: string; cert: string; key: string };
  /** lines for rabbitmq.conf */
  config?: string[];
  /**
   * Patterns for names of connections that publish first and select tx then: `loss.exempt` has to spare them where
   * losses are known by confirms (docs/loss.md, The first conflict with a transaction).
   */
  exempt?: string[];
  /** rabbitmqctl commands before the tests */
  setUp?: string[][];
}

export type Source =
  /** a tag of a repository on GitHub */
  | { git: string; tag: string }
  /** a source distribution that has its tests */
  | { pypi: string }
  /** a module, as the Go proxy has it: its tests are in it */
  | { go: string }
  /** a folder of ours: the library is what `prepare` installs */
  | { own: string }
  /** nothing but its file in suites/ */
  | 'none';

/** What tests may need beside the ports 5672, 5671 and 15672 of localhost. */
export interface Reachable {
  /** what the sidecars have counted until now; undefined: none is in between */
  counted?: () => Promise<Counted>;
  /** a rabbitmqctl for this broker */
  rabbitmqctl: string;
  /** certificates of the broker, if the client has brought none */
  certificates: { ca: string; cert: string; key: string; clientCert: string; clientKey: string };
  /** where the tests may write reports */
  scratch: string;
  /** all that the suite says */
  log: string;
  minutes: number;
}

/** Messages, by a sidecar's own metrics. */
export interface Counted {
  published: number;
  delivered: number;
}

export type Outcome = 'passed' | 'failed' | 'skipped';

/** By the name of the test. */
export type Results = Record<string, Outcome>;

/** How the tests reach the broker: direct, or through a sidecar in this loss mode. */
export type Way = 'direct' | 'off' | 'returns' | 'confirms';

export const LOSS_MODES = ['off', 'returns', 'confirms'] as const;
