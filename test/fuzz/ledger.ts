import type { Queue } from './operations.ts';

/** `gone` is no queue but an exchange that is not there. */
export type Name = Queue | 'gone';
export const NAMES: readonly Name[] = ['a', 'b', 'c', 'none', 'gone'];

/** What the apps of one run know by themselves. */
export class Ledger {
  readonly run: string;
  /** publishes that certainly went out on an open channel, and those that may have */
  readonly sure: Record<Name, number> = { a: 0, b: 0, c: 0, none: 0, gone: 0 };
  readonly unsure: Record<Name, number> = { a: 0, b: 0, c: 0, none: 0, gone: 0 };
  /** messages that the broker may have given to a consumer without acknowledgements whose connection it was closing */
  readonly vanished: Record<Name, number> = { a: 0, b: 0, c: 0, none: 0, gone: 0 };
  /** messages that came out of a queue, once each, whoever got them */
  readonly #seen = new Map<Name, Set<string>>(NAMES.map((name) => [name, new Set()]));
  /** all that was published, and of it what may have gone as `mayGo` says */
  readonly #made = new Map<Name, Set<string>>(NAMES.map((name) => [name, new Set()]));
  readonly #mayBeGone = new Map<Name, Set<string>>(NAMES.map((name) => [name, new Set()]));
  #next = 0;

  constructor(run: string) {
    this.run = run;
  }

  readonly nameOf = (name: Name): string => `${this.run}-${name}`;

  /** A body that no other message has. */
  newBody(to: Name): string {
    const body = `${to} ${this.#next++}`;
    this.#made.get(to)?.add(body);
    return body;
  }

  published(to: Name, isSure: boolean): void {
    (isSure ? this.sure : this.unsure)[to]++;
  }

  saw(body: string): void {
    this.#seen.get(queueOf(body))?.add(body);
  }

  /** Given back at the end of a connection that also consumes without acknowledgements (docs/broker-facts.md#auto-ack-at-the-end). */
  mayVanish(body: string): void {
    this.vanished[queueOf(body)]++;
  }

  /**
   * A channel that consumes without acknowledgements has closed: what others publish meanwhile, its queue may give to it and
   * forget, and nobody gets it.
   */
  mayGo(): void {
    for (const [name, bodies] of this.#made) {
      for (const body of bodies) if (!this.#seen.get(name)?.has(body)) this.#mayBeGone.get(name)?.add(body);
    }
  }

  /** How many messages nobody has seen that may have gone so. */
  gone(name: Name): number {
    return [...(this.#mayBeGone.get(name) ?? [])].filter((body) => !this.#seen.get(name)?.has(body)).length;
  }

  /** How many messages the broker has had in its queue at some time. */
  stored(name: Name): number {
    return this.#seen.get(name)?.size ?? 0;
  }
}

const queueOf = (body: string): Name => body.split(' ')[0] as Name;
