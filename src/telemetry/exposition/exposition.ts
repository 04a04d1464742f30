import { performance } from 'node:perf_hooks';
import type { MessagePort } from 'node:worker_threads';
import type { DetailPart, LinesPart, TopicsPart } from '../../parts.ts';
import { familyBounds, type Shape } from '../metrics/families.ts';
import type { MetricReading } from '../readings.ts';
import { CellReader } from './cell-reader.ts';
import type { CellMetric, Declaration } from './declaration.ts';
import { Exemplars, type Ids, type SeriesNames } from './exemplars.ts';
import type { Groups, Labels } from './groups.ts';
import { LossRate } from './loss-rate.ts';
import { messageMetrics } from './message-metrics.ts';
import { preferredFormat } from './negotiate.ts';
import { openTelemetryMetrics, type ServerAddress } from './opentelemetry-metrics.ts';
import { histogramPoints, singlePoints } from './readings.ts';
import { Registries, type Value } from './registries.ts';
import { histogramSamples, singleSamples } from './samples.ts';
import { BUILD_INFO, LOSS_RATE, SIDECAR_METRICS } from './sidecar-metrics.ts';
import { Topics } from './topics.ts';
import {
  nodeInfo,
  TOPOLOGY_METRICS,
  TOPOLOGY_NODES,
  Topology,
  type TopologyEdge,
  type TopologyNode,
  type TopologyQuery,
} from './topology.ts';

export interface ExpositionOptions extends Shape {
  version: string;
  /** values of topic, of pipeline and of queue, over all threads; default 0: no limit */
  maxTopics?: number;
  /** edges of the service map, over all threads; default 0: no limit */
  maxEdges?: number;
  /** the upstream, if there is only one */
  server?: ServerAddress;
  /** steady clock, milliseconds; default performance.now */
  now?: () => number;
}

export interface Figures {
  connections: number;
  channels: number;
  passed: { publish: number; consume: number };
  lossRates: { labels: Labels; value: number }[];
  /** by label, times its limit bit */
  folded: Record<string, number>;
  unsettled: number;
  lost: number;
  unknown: number;
  /** connections that became a plain pipe, by reason */
  bypassed: Record<string, number>;
  /** passed on without being read or changed, by reason */
  unobserved: Record<string, number>;
}

/** All metrics on the main thread: reads the traffic threads' cells and shows them through prom-client. */
export class Exposition {
  readonly declarations: Declaration[] = [];
  readonly #registries = new Registries();
  readonly #reader: CellReader;
  readonly #lossRate: LossRate;
  readonly #topology: Topology;
  readonly #exemplars: Record<string, Exemplars> = {};
  /** by metric */
  readonly #cells = new Map<string, Groups>();
  readonly #topics: Topics;
  readonly #figures: Record<'connections' | 'channels' | 'passed' | 'folded', Groups>;
  readonly #now: () => number;

  constructor({ version, server, maxTopics, maxEdges, now = () => performance.now(), ...shape }: ExpositionOptions) {
    this.#now = now;
    this.#reader = new CellReader(familyBounds(shape), maxTopics, maxEdges);
    this.#lossRate = this.#makeLossRate();
    this.#topology = new Topology(this.#reader);
    this.#figures = {
      connections: this.#reader.groups([{ family: 'connections' }], false),
      channels: this.#reader.groups([{ family: 'channels' }], false),
      passed: this.#reader.groups([{ family: 'passed', labels: ({ operation }) => ({ operation }) }]),
      folded: this.#reader.groups([{ family: 'values_folded' }]),
    };
    for (const metric of messageMetrics(shape)) this.#addCells(metric);
    this.register(LOSS_RATE, () => [...this.#lossRate.rates()]);
    if (shape.openTelemetryNames) for (const metric of openTelemetryMetrics(server)) this.#addCells(metric);
    this.register(BUILD_INFO, () => [{ labels: { version, node_version: process.version }, value: 1 }]);
    for (const metric of SIDECAR_METRICS) this.#addCells(metric);
    for (const metric of TOPOLOGY_METRICS) this.#addCells(metric);
    this.#topics = this.#makeTopics();
    this.register(TOPOLOGY_NODES, () => nodeInfo(this.#topology));
    this.#registries.addProcessFigures();
  }

  /** Starts reading a traffic thread, whose Recorder has the other port. Call the result when it is gone. */
  attach(port: MessagePort): () => void {
    return this.#reader.attach(port);
  }

  /** Call once a second: the windows of the loss rate and of the service map move by it. */
  snapshot(): void {
    this.#reader.drain();
    this.#lossRate.snapshot(this.#now(), this.#reader.live);
    this.#topology.snapshot(this.#now(), Date.now());
    this.#topics.snapshot(Date.now(), this.#reader.live);
  }

  /** Shows a metric whose values someone else knows; `collect` is asked at each scrape. */
  register(declaration: Declaration, collect: () => number | Value[]): void {
    this.declarations.push(declaration);
    this.#registries.add(declaration, () => {
      const values = collect();
      return typeof values === 'number' ? [{ labels: {}, value: values }] : values;
    });
  }

  /** The newest sampled first delivery of a bucket of event_latency_seconds; names as the events have them. */
  noteLatency(names: SeriesNames, seconds: number, ids: Ids, at: number): void {
    this.#note('event_latency_seconds', names, seconds, ids, at);
  }

  noteConfirm(names: SeriesNames, seconds: number, ids: Ids, at: number): void {
    this.#note('event_confirm_seconds', names, seconds, ids, at);
  }

  noteProcessing(names: SeriesNames, seconds: number, ids: Ids, at: number): void {
    this.#note('event_processing_seconds', names, seconds, ids, at);
  }

  /** What a scraper with this Accept header gets. */
  render(accept?: string): { contentType: string; body: AsyncIterable<string | Uint8Array> } {
    this.snapshot();
    return this.#registries.render(preferredFormat(accept), this.#reader.copy());
  }

  /** All metrics, of one moment. */
  readings(): Promise<MetricReading[]> {
    this.snapshot();
    return this.#registries.readings(this.#reader.copy());
  }

  /** The few figures people look at first. */
  figures(): Figures {
    this.snapshot();
    const { connections, channels, passed, folded } = this.#figures;
    const { live } = this.#reader;
    const of = (groups: Groups, labels: Labels) => groups.find(labels)?.total(live) ?? 0;
    const all = (metric: string) => [...this.#groups(metric)].reduce((sum, group) => sum + group.total(live), 0);
    const by = (groups: Groups, label: string) =>
      Object.fromEntries([...groups].map((group) => [group.labels[label], group.total(live)]));
    return {
      connections: of(connections, {}),
      channels: of(channels, {}),
      passed: {
        publish: of(passed, { operation: 'publish' }),
        consume: of(passed, { operation: 'process' }) + of(passed, { operation: 'receive' }),
      },
      lossRates: [...this.#lossRate.rates()],
      folded: by(folded, 'label'),
      unsettled: all('tracehare_unsettled_deliveries'),
      lost: all('event_lost_total'),
      unknown: all('event_unknown_total'),
      bypassed: by(this.#groups('tracehare_bypassed_connections_total'), 'reason'),
      unobserved: by(this.#groups('tracehare_unobserved_total'), 'reason'),
    };
  }

  /** The service map. */
  topology(query: TopologyQuery): { nodes: TopologyNode[]; edges: TopologyEdge[] } {
    this.snapshot();
    return { nodes: this.#topology.nodes(query), edges: this.#topology.edges(query) };
  }

  /** Figures of the topics whose names contain `search`, in lower case. */
  topics(search: string): TopicsPart {
    this.snapshot();
    return this.#topics.part(Date.now(), this.#reader.live, search);
  }

  /** The last quarter of an hour of topics, by rowKey. */
  topicLines(keys: ReadonlySet<string>): LinesPart {
    this.snapshot();
    return this.#topics.lines(Date.now(), this.#reader.live, keys);
  }

  /** Undefined: there is no such topic. */
  topic(topic: string, pipeline: string): DetailPart | undefined {
    this.snapshot();
    return this.#topics.detail(Date.now(), this.#reader.live, topic, pipeline);
  }

  pipelinesOf(topic: string): string[] {
    this.snapshot();
    return this.#topics.pipelinesOf(topic);
  }

  /** A series may have been defined since the last drain; if it still isn't there, the exemplar is dropped. */
  #note(metric: string, names: SeriesNames, seconds: number, ids: Ids, at: number): void {
    if (this.#exemplars[metric].note(names, seconds, ids, at)) return;
    this.#reader.drain();
    this.#exemplars[metric].note(names, seconds, ids, at);
  }

  #makeLossRate(): LossRate {
    const labels = ({ topic, pipeline, side }: Labels) => ({ topic, pipeline, side });
    const outcomes = this.#reader.groups([{ family: 'outcomes', labels }]);
    const lost = this.#reader.groups([
      { family: 'lost', labels },
      { family: 'lost_late', labels },
    ]);
    return new LossRate(outcomes, lost);
  }

  #groups(metric: string): Groups {
    return this.#cells.get(metric) as Groups;
  }

  /** Of the metrics' own groups: what the page shows is what they show. */
  #makeTopics(): Topics {
    const of = (metric: string): Groups => this.#groups(metric);
    const groups = {
      passed: this.#reader.groups([{ family: 'passed' }]),
      lost: of('event_lost_total'),
      unknown: of('event_unknown_total'),
      requeued: of('event_requeued_total'),
      deadLettered: of('event_dead_lettered_total'),
      redelivered: of('event_redelivered_total'),
      bytes: of('event_bytes_total'),
      unsettled: of('tracehare_unsettled_deliveries'),
      latency: of('event_latency_seconds'),
      confirm: of('event_confirm_seconds'),
      processing: of('event_processing_seconds'),
      prefetchWait: of('event_prefetch_wait_seconds'),
      handler: of('event_handler_seconds'),
      poison: of('event_poison_total'),
      attempts: of('event_attempts'),
      replies: of('event_reply_seconds'),
      repliesMissing: of('event_replies_missing_total'),
      repliesLate: of('event_replies_late_total'),
      publishedAt: of('event_published_timestamp_seconds'),
      deliveredAt: of('event_delivered_timestamp_seconds'),
    };
    return new Topics(groups, this.#lossRate, this.#reader.bounds);
  }

  #addCells(metric: CellMetric): void {
    this.declarations.push(metric);
    const groups = this.#reader.groups(metric.from, metric.type !== 'gauge');
    this.#cells.set(metric.name, groups);
    if (metric.type !== 'histogram') {
      this.#registries.addSamples(metric, singleSamples(metric, groups), singlePoints(metric, groups));
      return;
    }
    const exemplars = new Exemplars(groups, metric.bounds ?? [], metric.labels);
    this.#exemplars[metric.name] = exemplars;
    this.#registries.addSamples(
      metric,
      histogramSamples(metric, groups, this.#reader, exemplars),
      histogramPoints(metric, groups, this.#reader, exemplars),
    );
  }
}
