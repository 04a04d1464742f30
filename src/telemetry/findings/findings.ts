import { makeRoom } from '../../proxy/ports/bounded.ts';
import { FINDING_KINDS, type FindingKind, type Seen } from '../../proxy/ports/sighting.ts';
import type { Declaration } from '../exposition/declaration.ts';
import { foldName } from '../metrics/fold.ts';
import { Declared } from './declared.ts';
import { KINDS } from './kinds.ts';

/** How an app uses the broker, where that is mostly a mistake. */
export interface Finding {
  kind: FindingKind;
  app: string;
  vhost: string;
  /** the queue, or exchange and routing key; '' where it is about the app as a whole */
  name: string;
  /** how often it was seen */
  count: number;
  /** ISO 8601: first and last seen */
  since: string;
  lastSeen: string;
  evidence: string;
  cure: string;
}

/** Which findings: every key given must match. */
export interface FindingQuery {
  kind?: string;
  app?: string;
  vhost?: string;
}

/** Something that is seen, whether or not it was seen often enough. */
interface Candidate extends Seen {
  /** milliseconds since the epoch */
  first: number;
  last: number;
  /** when the window began, and what was seen in it */
  windowAt: number;
  inWindow: number;
  isFinding: boolean;
}

/** Of all kinds; of more, the one that was seen first goes. */
const MOST = 2000;

/** The habits of all apps that are worth telling of, until they were not seen for `idleAfter`. */
export class Findings {
  readonly #candidates = new Map<string, Candidate>();
  readonly #declared = new Declared();
  readonly #idleAfter: number;

  /** `idleAfter`: milliseconds; 0: they stay. */
  constructor(idleAfter: number) {
    this.#idleAfter = idleAfter === 0 ? Number.POSITIVE_INFINITY : idleAfter;
  }

  /** What a traffic thread has seen; milliseconds since the epoch. */
  note(seen: readonly Seen[], now: number): void {
    for (const one of seen) {
      const told = one.kind === 'declared_differently' ? this.#declared.compare(one) : one;
      if (told !== undefined) this.#note({ ...told, name: folded(told.name) }, now);
    }
  }

  #note(seen: Seen, now: number): void {
    const { least, within } = KINDS[seen.kind];
    const key = [seen.kind, seen.vhost, seen.app, seen.name].join('\0');
    let candidate = this.#candidates.get(key);
    if (candidate === undefined) {
      makeRoom(this.#candidates, MOST);
      candidate = { ...seen, count: 0, first: now, last: now, windowAt: now, inWindow: 0, isFinding: false };
      this.#candidates.set(key, candidate);
    }
    if (now - candidate.windowAt > within) {
      candidate.windowAt = now;
      candidate.inWindow = 0;
    }
    candidate.count += seen.count;
    candidate.inWindow += seen.count;
    candidate.last = now;
    candidate.evidence = seen.evidence;
    if (candidate.inWindow >= least) candidate.isFinding = true;
  }

  /** Those of now, the newest first. */
  list({ kind, app, vhost }: FindingQuery = {}, now = Date.now()): Finding[] {
    this.#forget(now);
    return [...this.#candidates.values()]
      .filter(
        (each) =>
          each.isFinding &&
          (kind === undefined || each.kind === kind) &&
          (app === undefined || each.app === app) &&
          (vhost === undefined || each.vhost === vhost),
      )
      .sort((a, b) => b.first - a.first)
      .map(({ kind, app, vhost, name, count, first, last, evidence }) => ({
        kind,
        app,
        vhost,
        name,
        count,
        since: new Date(first).toISOString(),
        lastSeen: new Date(last).toISOString(),
        evidence,
        cure: KINDS[kind].cure,
      }));
  }

  /** How many there are of each kind. */
  counts(now = Date.now()): { labels: { kind: string }; value: number }[] {
    const found = this.list({}, now);
    return FINDING_KINDS.map((kind) => ({
      labels: { kind },
      value: found.filter((finding) => finding.kind === kind).length,
    }));
  }

  #forget(now: number): void {
    for (const [key, { last }] of this.#candidates) {
      if (now - last >= this.#idleAfter) this.#candidates.delete(key);
    }
  }
}

/** Names that are generated are one; of an exchange and a key, each by itself. */
const folded = (name: string): string => name.split(':').map(foldName).join(':');

export const FINDINGS: Declaration = {
  name: 'tracehare_findings',
  help: 'Habits of apps that are mostly mistakes, by kind, as /api/findings tells them.',
  type: 'gauge',
  labels: ['kind'],
};
