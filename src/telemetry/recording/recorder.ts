import type {
  DeliveryTally,
  Hop,
  HopTally,
  Observer,
  PublishTally,
  TrafficTally,
  Watermark,
  WatermarkNames,
} from '../../proxy/ports/observer.ts';
import { type CellMessage, CellStore } from '../metrics/cells.ts';
import { type Edge, edgeKey, edgesOf } from '../metrics/edges.ts';
import { familyBounds, type Shape } from '../metrics/families.ts';
import { foldName } from '../metrics/fold.ts';
import { LabelValues, type LimitedLabel, OVERFLOW } from '../metrics/label-values.ts';
import { DeliveryCells } from './delivery-tally.ts';
import { EdgeCells, RoutedHop } from './edge-tally.ts';
import { PublishCells } from './publish-tally.ts';
import type { Combined, Tally, TallyOwner } from './tally.ts';
import { TrafficCells } from './traffic-tally.ts';
import { WatermarkCells } from './watermark-tally.ts';

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

/**
 * Combinations of label values, in times of what a single label may have: most topics are in one pipeline and in a few
 * queues. The second figure: with those of which the last value is OVERFLOW.
 */
const ROOM = [4, 5];

const NO_HOP: HopTally = { passed() {}, lost() {} };

/** Routing keys of one topic that have watermarks: with more they are mostly ids, and each of them tells next to nothing. */
const KEYS_PER_TOPIC = 32;

const NO_WATERMARK: Watermark = { reached() {}, wentBack() {} };

/**
 * The metrics half of an Observer, for one traffic thread: all but events and habits. Tallies are shared by
 * all who ask for the same names, and stay valid for good.
 */
export class Recorder implements Omit<Observer, 'emit' | 'ended' | 'saw'>, TallyOwner {
  readonly store: CellStore;
  readonly #traffic: TrafficCells;
  readonly #durations: boolean;
  readonly #idleAfter: number;
  readonly #values: Record<LimitedLabel, LabelValues>;
  readonly #combinations: Record<Combined, LabelValues>;
  readonly #live = new Set<Tally>();
  readonly #publishes = new Map<string, PublishCells>();
  readonly #deliveries = new Map<string, DeliveryCells>();
  readonly #edges = new Map<string, EdgeCells>();
  readonly #maxEdges: number;
  readonly #watermarks = new Map<string, WatermarkCells>();
  /** routing keys that have watermarks, by topic and pipeline */
  readonly #keys = new Map<string, Set<string>>();

  constructor(options: RecorderOptions) {
    this.store = new CellStore(familyBounds(options), options.port);
    this.#traffic = new TrafficCells(this.store);
    this.#maxEdges = options.maxEdges;
    this.#durations = options.openTelemetryNames;
    this.#idleAfter = options.idleAfter === 0 ? Number.POSITIVE_INFINITY : options.idleAfter;
    const limit = () => new LabelValues(options.maxTopics);
    const edges = () => new LabelValues(options.maxEdges);
    this.#values = {
      topic: limit(),
      pipeline: limit(),
      queue: limit(),
      edge: edges(),
      // bounded by their combinations
      routing_key: new LabelValues(0),
    };
    this.#combinations = { messages: limit(), edges: edges(), 'dead letters': limit(), watermarks: limit() };
  }

  get traffic(): TrafficTally {
    return this.#traffic;
  }

  publishes(topic: string, pipeline: string): PublishTally {
    const t = this.admit('topic', foldName(topic));
    const names = this.together('messages', [t, this.admit('pipeline', pipeline)]);
    return this.#remembered(this.#publishes, names, ([t, p]) => new PublishCells(this, t, p, this.#durations));
  }

  deliveries(topic: string, pipeline: string, queue: string): DeliveryTally {
    const t = this.admit('topic', foldName(topic));
    const p = this.admit('pipeline', pipeline);
    const names = this.together('messages', [t, p, this.admit('queue', foldName(queue))]);
    return this.#remembered(this.#deliveries, names, ([t, p, q]) => new DeliveryCells(this, t, p, q));
  }

  hop(hop: Hop): HopTally {
    if (this.#maxEdges === 0) return NO_HOP;
    const [last, routed] = edgesOf(hop).map((edge) => this.#edge(hop.pipeline, edge));
    return routed === undefined ? last : new RoutedHop(routed, last);
  }

  #edge(pipeline: string, edge: Edge): EdgeCells {
    const p = this.admit('pipeline', pipeline);
    const names = this.together('edges', [p, this.admit('edge', edgeKey(edge))]);
    return this.#remembered(this.#edges, [...names, edge.kind], ([p, key]) => new EdgeCells(this, p, edge.kind, key));
  }

  /** None for what is beyond a limit: what shares a name with others can't be compared. */
  watermark({ topic, pipeline, queue, routingKey }: WatermarkNames): Watermark {
    const key = foldName(routingKey);
    const [t, q] = [foldName(topic), queue === undefined ? undefined : foldName(queue)];
    const { topic: topics, pipeline: pipelines, queue: queues } = this.#values;
    // the tallies of the same route have them, if there is room for them
    if (!topics.has(t) || !pipelines.has(pipeline) || (q !== undefined && !queues.has(q))) return NO_WATERMARK;
    const keys = this.#keys.get(keyOf([t, pipeline])) ?? new Set();
    if (!keys.has(key) && keys.size === KEYS_PER_TOPIC) return NO_WATERMARK;
    const names = this.together('watermarks', [t, pipeline, ...(q === undefined ? [] : [q]), key]);
    if (names.includes(OVERFLOW)) return NO_WATERMARK;
    this.#keys.set(keyOf([t, pipeline]), keys.add(key));
    return this.#remembered(this.#watermarks, names, () => new WatermarkCells(this, names));
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
    for (const tallies of [this.#publishes, this.#deliveries, this.#edges, this.#watermarks]) {
      for (const [key, tally] of tallies) if (!this.#live.has(tally)) tallies.delete(key);
    }
    this.#keys.clear();
    for (const names of this.#watermarks.keys()) {
      const [topic, pipeline, ...rest] = names.split('\0');
      const of = keyOf([topic, pipeline]);
      this.#keys.set(of, (this.#keys.get(of) ?? new Set()).add(rest[rest.length - 1]));
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

  together(kind: Combined, values: readonly string[]): readonly string[] {
    const combinations = this.#combinations[kind];
    // what is left of the names keeps its place while there is some; all under OVERFLOW always has one
    const ways = [values, withoutLast(values), values.map(() => OVERFLOW)];
    for (const [i, way] of ways.entries()) {
      const key = keyOf(way);
      if (i === ways.length - 1 || combinations.admit(key, ROOM[i]) === key) {
        if (i > 0) this.#traffic.folded('combination');
        return way;
      }
    }
    return values;
  }

  retainTogether(kind: Combined, values: readonly string[]): void {
    this.#combinations[kind].retain(keyOf(values));
  }

  releaseTogether(kind: Combined, values: readonly string[]): void {
    this.#combinations[kind].release(keyOf(values));
  }

  /** It is not put back under its names, where a newer tally may be by now: the reader adds up both. */
  revive(tally: Tally): void {
    this.#live.add(tally);
  }

  #remembered<T extends Tally>(
    tallies: Map<string, T>,
    names: readonly string[],
    make: (names: readonly string[]) => T,
  ): T {
    const key = keyOf(names);
    let tally = tallies.get(key);
    if (tally === undefined) {
      tally = make(names);
      tallies.set(key, tally);
      this.#live.add(tally);
    }
    return tally;
  }
}

const keyOf = (names: readonly string[]): string => names.join('\0');

const withoutLast = (names: readonly string[]): string[] => names.with(names.length - 1, OVERFLOW);
