import { randomInt } from 'node:crypto';
import type { TraceOutcome, TraceSummary, TracesQuery } from '../../api.ts';
import { hexOf } from '../../events/hex.ts';
import type { MessageLost } from '../../events/lifecycle.ts';
import { LOST, type Passage, SAMPLED, SPARED } from '../../events/passage.ts';
import { TRACE_WORDS } from '../traces/ids.ts';
import { RateLimit } from '../traces/rate.ts';
import { KeptSpans, SPAN_BYTES } from './kept-spans.ts';
import type { SpanSource } from './spans.ts';

/** Bytes of a trace's own columns. */
const TRACE_BYTES = 4 * 4;
/** Spans a second that are kept of messages with which all is well, and as many of others. */
const MOST_PER_SECOND = 500;
/** Spans of one trace: who gives thousands of messages one context makes no trace that anyone could look at. */
const MOST_OF_TRACE = 1000;
const MOST_TOPICS = 10;
const NONE = -1;
/** Others in each process: who sends ids can't choose those that share a place. */
const SEED = randomInt(2 ** 32);
const MULTIPLIER = randomInt(2 ** 32) | 1;

/** The worst first. */
const OUTCOMES: readonly TraceOutcome[] = ['lost', 'failed', 'unknown', 'requeued', 'success'];

/**
 * The newest traces, for the live page: of sampled messages, and of those that failed or were lost. They take at most
 * `maxBytes`, names and texts included; the oldest trace goes as a whole. When spans come too fast to keep all,
 * traces are chosen by their id, so that those that stay are whole, on all sidecars that see them.
 */
export class KeptTraces {
  /** spans that were not kept because they came too fast, or were too many of one trace */
  skipped = 0;
  readonly maxBytes: number;
  readonly #spans: KeptSpans;
  /** by number of the trace, modulo their length: those from #oldest to #newest are there */
  readonly #first: Int32Array;
  readonly #last: Int32Array;
  readonly #counts: Uint32Array;
  /** the next trace whose id has the same place */
  readonly #chain: Int32Array;
  /** by place of an id, the number of the newest trace there, modulo the length */
  readonly #places: Int32Array;
  #oldest = 0;
  #newest = 0;
  readonly #ordinary: Share;
  readonly #special = new RateLimit(MOST_PER_SECOND);
  readonly #now: () => number;

  constructor(maxBytes: number, now: () => number = () => performance.now()) {
    this.maxBytes = maxBytes;
    this.#now = now;
    const capacity = Math.floor(maxBytes / (SPAN_BYTES + TRACE_BYTES));
    this.#spans = new KeptSpans(capacity);
    this.#first = new Int32Array(capacity);
    this.#last = new Int32Array(capacity);
    this.#counts = new Uint32Array(capacity);
    this.#chain = new Int32Array(capacity);
    this.#places = new Int32Array(2 ** Math.ceil(Math.log2(Math.max(2, capacity)))).fill(NONE);
    this.#ordinary = new Share(now());
  }

  get figures(): { traces: number; spans: number; bytes: number; maxBytes: number } {
    const { size } = this.#spans;
    const traces = this.#newest - this.#oldest;
    return { traces, spans: size, bytes: this.#bytes, maxBytes: this.maxBytes };
  }

  get #bytes(): number {
    return this.#spans.bytes + (this.#newest - this.#oldest) * TRACE_BYTES;
  }

  /** Whether a passage's span is to be added: it is sampled or failed, and there are not too many. */
  takes({ outcome, bits, ids, idsAt }: Passage): boolean {
    if (this.#first.length === 0) return false;
    if (outcome !== 'failed' && (bits & SAMPLED) === 0) return false;
    const now = this.#now();
    const taken = outcome === 'success' ? this.#ordinary.take(ids[idsAt + 3], now) : this.#special.take(now);
    if (!taken) this.skipped++;
    return taken;
  }

  /** Keeps the span of a passage that it takes. Of the source nothing is kept. */
  add(source: SpanSource): void {
    const { ids } = source;
    if (this.#spans.size === this.#spans.capacity) this.#evict();
    let trace = this.#find(ids);
    if (trace === undefined) trace = this.#begin(ids);
    else if (this.#counts[trace] >= MOST_OF_TRACE) {
      this.skipped++;
      return;
    }
    const span = this.#spans.add(source);
    if (this.#counts[trace] === 0) this.#first[trace] = span;
    else this.#spans.next[this.#last[trace]] = span;
    this.#last[trace] = span;
    this.#counts[trace]++;
    while (this.#bytes > this.maxBytes && this.#newest > this.#oldest) this.#evict();
  }

  /** A message whose publish had counted as success is lost after all: its span says so, if there is only one it can be. */
  lost({ traceId, side, topic, reason }: Pick<MessageLost, 'traceId' | 'side' | 'topic' | 'reason'>): void {
    const trace = this.#named(traceId);
    if (trace === undefined) return;
    const isIt = (span: number): boolean => {
      const { via, topic: of } = this.#spans.names(span);
      return of === topic && (via === 'publish') === (side === 'publish');
    };
    const [span, ...others] = [...this.#spansOf(trace)].filter(isIt);
    if (span !== undefined && others.length === 0) this.#spans.lost(span, reason);
  }

  /** Those that match all that is asked for: `limit` of them, and how many there are. */
  find({ topic, pipeline, outcome, least = 0, sort = 'newest', limit = 50 }: TracesQuery): {
    traces: TraceSummary[];
    matching: number;
  } {
    const found: Glance[] = [];
    for (let number = this.#newest - 1; number >= this.#oldest; number--) {
      const glance = this.#glance(number % this.#first.length, topic, pipeline);
      if (glance === undefined || glance.end - glance.start < least * 1e6) continue;
      const isOf = outcome === glance.outcome || (outcome === 'failed' && glance.outcome === 'lost');
      if (outcome === undefined || isOf) found.push(glance);
    }
    const duration = ({ start, end }: Glance): number => end - start;
    found.sort(sort === 'slowest' ? (a, b) => duration(b) - duration(a) : (a, b) => b.start - a.start);
    return { traces: found.slice(0, limit).map((glance) => this.#summary(glance)), matching: found.length };
  }

  /** The spans of a trace, of 32 hex digits; none: it is not kept. */
  get(traceId: string): SpanSource[] {
    const trace = this.#named(traceId);
    if (trace === undefined) return [];
    return [...this.#spansOf(trace)].map((span) => this.#spans.source(span));
  }

  #named(traceId: string): number | undefined {
    if (this.#first.length === 0 || traceId.length !== TRACE_WORDS * 8) return undefined;
    const word = (i: number): number => Number.parseInt(traceId.slice(i * 8, i * 8 + 8), 16);
    return this.#find(Uint32Array.from({ length: TRACE_WORDS }, (_, i) => word(i)));
  }

  *#spansOf(trace: number): Iterable<number> {
    let span = this.#first[trace];
    for (let i = this.#counts[trace]; i > 0; i--) {
      yield span;
      span = this.#spans.next[span];
    }
  }

  #find(ids: Uint32Array): number | undefined {
    for (let trace = this.#places[this.#place(ids)]; trace !== NONE; trace = this.#chain[trace]) {
      if (this.#spans.sameTrace(this.#first[trace], ids)) return trace;
    }
    return undefined;
  }

  #begin(ids: Uint32Array): number {
    const trace = this.#newest++ % this.#first.length;
    const place = this.#place(ids);
    this.#counts[trace] = 0;
    this.#chain[trace] = this.#places[place];
    this.#places[place] = trace;
    return trace;
  }

  #evict(): void {
    const trace = this.#oldest++ % this.#first.length;
    const place = this.#place(this.#spans.idsOf(this.#first[trace]));
    // it is the oldest of its place, so the last of its chain
    let before = NONE;
    for (let each = this.#places[place]; each !== trace; each = this.#chain[each]) before = each;
    if (before === NONE) this.#places[place] = NONE;
    else this.#chain[before] = NONE;
    for (const span of [...this.#spansOf(trace)]) this.#spans.delete(span);
  }

  #place(ids: Uint32Array): number {
    let h = SEED;
    for (let i = 0; i < TRACE_WORDS; i++) h = Math.imul(h ^ ids[i] ^ (h >>> 15), MULTIPLIER);
    return (h ^ (h >>> 16)) & (this.#places.length - 1);
  }

  /** Undefined: it has no span of the topic or pipeline. */
  #glance(trace: number, topic: string | undefined, pipeline: string | undefined): Glance | undefined {
    let start = Number.POSITIVE_INFINITY;
    let end = 0;
    let worst = OUTCOMES.length - 1;
    let reason = '';
    let matches = topic === undefined && pipeline === undefined;
    for (const span of this.#spansOf(trace)) {
      start = Math.min(start, this.#spans.startedAt(span));
      end = Math.max(end, this.#spans.endedAt(span));
      const names = this.#spans.names(span);
      const outcome = OUTCOMES.indexOf(traceOutcome(this.#spans.outcome(span), this.#spans.bits(span), names.via));
      if (outcome < worst) {
        worst = outcome;
        reason = this.#spans.reason(span);
      }
      matches ||= (topic ?? names.topic) === names.topic && (pipeline ?? names.pipeline) === names.pipeline;
    }
    return matches ? { trace, start, end, outcome: OUTCOMES[worst], reason } : undefined;
  }

  #summary({ trace, start, end, outcome, reason }: Glance): TraceSummary {
    const spans = [...this.#spansOf(trace)].sort((a, b) => this.#spans.startedAt(a) - this.#spans.startedAt(b));
    const { via, topic } = this.#spans.names(spans[0]);
    const topics = new Set(spans.map((span) => this.#spans.names(span).topic));
    return {
      traceId: hexOf(this.#spans.idsOf(spans[0]), 0, TRACE_WORDS),
      startMicros: Math.round(start),
      duration: (end - start) / 1e6,
      spans: spans.length,
      outcome,
      reason,
      name: `${via === 'publish' ? via : via === 'get' ? 'receive' : 'process'} ${topic}`,
      topics: [...topics].slice(0, MOST_TOPICS),
    };
  }
}

/** How the passage of one message went, in the words of a trace. */
export function traceOutcome(outcome: SpanSource['passage']['outcome'], bits: number, via: string): TraceOutcome {
  if (outcome !== 'failed') return outcome;
  const isLost = via === 'publish' ? (bits & SPARED) === 0 : (bits & LOST) !== 0;
  return isLost ? 'lost' : 'failed';
}

interface Glance {
  trace: number;
  start: number;
  end: number;
  outcome: TraceOutcome;
  reason: string;
}

/**
 * Lets about MOST_PER_SECOND through, all spans of a trace or none: of every 2^level ids one. Of two sidecars the one
 * with the higher level keeps a part of what the other keeps.
 */
class Share {
  #level = 0;
  #second: number;
  #seen = 0;
  #left = MOST_PER_SECOND;

  constructor(nowMs: number) {
    this.#second = nowMs;
  }

  take(id: number, nowMs: number): boolean {
    if (nowMs - this.#second >= 1000) {
      const perSecond = (this.#seen * 1000) / (nowMs - this.#second);
      this.#level = Math.max(0, Math.ceil(Math.log2(perSecond / MOST_PER_SECOND)));
      this.#second = nowMs;
      this.#seen = 0;
      this.#left = MOST_PER_SECOND;
    }
    this.#seen++;
    if ((id & (2 ** this.#level - 1)) !== 0 || this.#left === 0) return false;
    this.#left--;
    return true;
  }
}
