import type { ClosedBy } from '../../events/lifecycle.ts';
import type { Direction, TrafficTally, Unobserved } from '../../proxy/ports/observer.ts';
import type { BucketLayout } from '../metrics/bucket-layout.ts';
import type { CellStore } from '../metrics/cells.ts';
import type { FamilyName } from '../metrics/families.ts';
import { GreatestOfMinute } from './greatest-of-minute.ts';

/** AMQP's reply codes, and 0 for none; a code is the peer's to choose, so others share one value. */
const REPLY_CODES = new Set([
  0, 200, 311, 312, 313, 320, 402, 403, 404, 405, 406, 501, 502, 503, 504, 505, 506, 530, 540, 541,
]);

/** The sidecar's own figures. Those without a telling label exist, as 0, from the start. */
export class TrafficCells implements TrafficTally {
  readonly #store: CellStore;
  readonly #cells: Float64Array;
  readonly #addedLayout: BucketLayout;
  readonly #connections: number;
  readonly #channels: number;
  readonly #blocked: number;
  readonly #observerFailures: number;
  readonly #negativeLatency: number;
  readonly #worstNegativeLatency: number;
  readonly #negativeLatencies = new GreatestOfMinute();
  readonly #clockReanchored: number;
  readonly #shadowConflicts: number;
  readonly #keepLimited: number;
  readonly #bytes: Record<Direction, number>;
  readonly #added: Record<Direction, number>;
  readonly #labelled = new Map<FamilyName, Map<string, number>>();

  constructor(store: CellStore) {
    const directions = (family: FamilyName): Record<Direction, number> => ({
      upstream: store.allocate(family, ['upstream']),
      downstream: store.allocate(family, ['downstream']),
    });
    this.#store = store;
    this.#cells = store.cells;
    this.#addedLayout = store.layouts.added as BucketLayout;
    this.#connections = store.allocate('connections', []);
    this.#channels = store.allocate('channels', []);
    this.#blocked = store.allocate('blocked', []);
    this.#observerFailures = store.allocate('observer_failures', []);
    this.#negativeLatency = store.allocate('negative_latency', []);
    this.#worstNegativeLatency = store.allocate('worst_negative_latency', []);
    this.#clockReanchored = store.allocate('clock_reanchored', []);
    this.#shadowConflicts = store.allocate('shadow_conflicts', []);
    this.#keepLimited = store.allocate('keep_limited', []);
    this.#bytes = directions('relay_bytes');
    this.#added = directions('added');
    for (const what of ['question', 'request', 'cause']) this.#labelledCell('correlation_limited', what);
  }

  connections(change: 1 | -1): void {
    this.#cells[this.#connections] += change;
  }

  bypassed(reason: 'unknown_protocol' | 'bypass' | 'frame_error'): void {
    this.#count('bypassed', reason);
  }

  connectionClosed(by: ClosedBy, code: number): void {
    this.#count('connections_closed', by, REPLY_CODES.has(code) ? String(code) : 'other');
  }

  connectionRefused(reason: 'limit' | 'upstream_unreachable' | 'tls_handshake'): void {
    this.#count('connections_refused', reason);
  }

  channels(change: number): void {
    this.#cells[this.#channels] += change;
  }

  upstreamUp(upstream: string, up: boolean): void {
    this.#cells[this.#labelledCell('upstream_up', upstream)] = up ? Date.now() : -Date.now();
  }

  bytes(direction: Direction, count: number): void {
    this.#cells[this.#bytes[direction]] += count;
  }

  added(direction: Direction, seconds: number): void {
    this.#store.observe(this.#added[direction], this.#addedLayout, seconds, 1);
  }

  blocked(seconds: number): void {
    this.#cells[this.#blocked] += seconds;
  }

  unobserved(why: Unobserved): void {
    this.#count('unobserved', why);
  }

  observerFailed(): void {
    this.#cells[this.#observerFailures] += 1;
  }

  negativeLatency(seconds: number, nowMs: number): void {
    this.#cells[this.#negativeLatency] += 1;
    this.#negativeLatencies.note(seconds, nowMs);
  }

  /** Figures of the last minute are brought up to date. */
  advance(nowMs: number): void {
    this.#cells[this.#worstNegativeLatency] = this.#negativeLatencies.at(nowMs);
  }

  implausibleStamp(why: 'past' | 'future' | 'unreadable'): void {
    this.#count('implausible_stamps', why);
  }

  shadowConflict(): void {
    this.#cells[this.#shadowConflicts] += 1;
  }

  clockReanchored(): void {
    this.#cells[this.#clockReanchored] += 1;
  }

  keepLimited(): void {
    this.#cells[this.#keepLimited] += 1;
  }

  correlationLimited(what: 'question' | 'request' | 'cause'): void {
    this.#count('correlation_limited', what);
  }

  faultInjected(type: string): void {
    this.#count('faults_injected', type);
  }

  /** A label's limit bit: a name was put under OVERFLOW. */
  folded(label: string): void {
    this.#count('values_folded', label);
  }

  #count(family: FamilyName, ...labels: string[]): void {
    this.#cells[this.#labelledCell(family, ...labels)] += 1;
  }

  #labelledCell(family: FamilyName, ...labels: string[]): number {
    let offsets = this.#labelled.get(family);
    if (offsets === undefined) {
      offsets = new Map();
      this.#labelled.set(family, offsets);
    }
    const key = labels.length === 1 ? labels[0] : labels.join(' ');
    let cell = offsets.get(key);
    if (cell === undefined) {
      cell = this.#store.allocate(family, labels);
      offsets.set(key, cell);
    }
    return cell;
  }
}
