import type { DeliveryTally, Hop, HopTally, Observer, PublishTally, TrafficTally } from '../../proxy/ports/observer.ts';
import { type CellMessage, CellStore } from '../metrics/cells.ts';
import { type Edge, edgeKey, edgesOf } from '../metrics/edges.ts';
import { familyBounds, type Shape } from '../metrics/families.ts';
import { foldName } from '../metrics/fold.ts';
import { LabelValues, type LimitedLabel } from '../metrics/label-values.ts';
import { DeliveryCells } from './delivery-tally.ts';
import { EdgeCells, RoutedHop } from './edge-tally.ts';
import { PublishCells } from './publish-tally.ts';
import type { Tally, TallyOwner } from './tally.ts';
import { TrafficCells } from './traffic-tally.ts';

export interface RecorderOptions extends Shape {
  /** values of topic, of pipeline and of queue before the rest goes under __overflow__; 0: no limit */
  maxTopics: number;
  /** edges of the service map before the rest goes under __overflow__; 0: no service map */
  maxEdges: number;
  /** milliseconds without a count after which a topic's series are freed; 0: never */
  idleAfter: number;
  /** towards the main thread's Exposition */
  port: { postMessage(message: CellMessage): void };
}

const NO_HOP: HopTally = { passed() {}, lost() {} };

/**
 * The metrics half of an Observer, for one traffic thread: all but events. Tallies are shared by
 * all who ask for the same names, and stay valid for good.
 */
export class Recorder implements Omit<Observer, 'emit' | 'ended'>, TallyOwner {
  readonly store: CellStore;
  readonly #traffic: TrafficCells;
  readonly #durations: boolean;
  readonly #idleAfter: number;
  readonly #values: Record<LimitedLabel, LabelValues>;
  readonly #live = new Set<Tally>();
  readonly #publishes = new Map<string, PublishCells>();
  readonly #deliveries = new Map<string, DeliveryCells>();
  readonly #edges = new Map<string, EdgeCells>();
  readonly #maxEdges: number;

  constructor(options: RecorderOptions) {
    this.store = new CellStore(familyBounds(options), options.port);
    this.#traffic = new TrafficCells(this.store);
    this.#maxEdges = options.maxEdges;
    this.#durations = options.openTelemetryNames;
    this.#idleAfter = options.idleAfter === 0 ? Number.POSITIVE_INFINITY : options.idleAfter;
    const limit = () => new LabelValues(options.maxTopics);
    this.#values = { topic: limit(), pipeline: limit(), queue: limit(), edge: new LabelValues(options.maxEdges) };
  }

  get traffic(): TrafficTally {
    return this.#traffic;
  }

  publishes(topic: string, pipeline: string): PublishTally {
    const t = this.admit('topic', foldName(topic));
    const p = this.admit('pipeline', pipeline);
    return this.#remembered(this.#publishes, [t, p], () => new PublishCells(this, t, p, this.#durations));
  }

  deliveries(topic: string, pipeline: string, queue: string): DeliveryTally {
    const t = this.admit('topic', foldName(topic));
    const p = this.admit('pipeline', pipeline);
    const q = this.admit('queue', foldName(queue));
    return this.#remembered(this.#deliveries, [t, p, q], () => new DeliveryCells(this, t, p, q));
  }

  hop(hop: Hop): HopTally {
    if (this.#maxEdges === 0) return NO_HOP;
    const [last, routed] = edgesOf(hop).map((edge) => this.#edge(hop.pipeline, edge));
    return routed === undefined ? last : new RoutedHop(routed, last);
  }

  #edge(pipeline: string, edge: Edge): EdgeCells {
    const p = this.admit('pipeline', pipeline);
    const key = this.admit('edge', edgeKey(edge));
    return this.#remembered(this.#edges, [p, edge.kind, key], () => new EdgeCells(this, p, edge.kind, key));
  }

  /** Call once a second, with the clock of `sweep`: figures of the last minute move by it. */
  advance(nowMs: number): void {
    this.#traffic.advance(nowMs);
  }

  /** Frees what has been idle for `idleAfter`. Call once a minute, with any steady clock in milliseconds. */
  sweep(nowMs: number): void {
    this.store.recycle();
    for (const tally of this.#live) {
      if (!tally.idle(nowMs, this.#idleAfter)) continue;
      tally.free();
      this.#live.delete(tally);
    }
    for (const tallies of [this.#publishes, this.#deliveries, this.#edges]) {
      for (const [key, tally] of tallies) if (!this.#live.has(tally)) tallies.delete(key);
    }
  }

  admit(label: LimitedLabel, value: string): string {
    const admitted = this.#values[label].admit(value);
    if (admitted !== value) this.#traffic.folded(label);
    return admitted;
  }

  retain(label: LimitedLabel, value: string): void {
    this.#values[label].retain(value);
  }

  release(label: LimitedLabel, value: string): void {
    this.#values[label].release(value);
  }

  /** It is not remembered again: a newer one of the same names may be. The reader adds the two up. */
  revive(tally: Tally): void {
    this.#live.add(tally);
  }

  #remembered<T extends Tally>(tallies: Map<string, T>, names: string[], make: () => T): T {
    const key = names.join('\0');
    let tally = tallies.get(key);
    if (tally === undefined) {
      tally = make();
      tallies.set(key, tally);
      this.#live.add(tally);
    }
    return tally;
  }
}
