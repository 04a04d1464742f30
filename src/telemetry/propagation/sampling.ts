import { type Environment, isTrue, text } from '../traces/environment.ts';
import { RateLimit } from '../traces/rate.ts';

/**
 * Whether a message's trace is recorded, decided on the traffic thread before any span exists.
 * The trace id is 4 words of `traceId` from `at`; `nowMs` is a steady clock in milliseconds.
 */
export interface Sampler {
  /** A trace that starts with this message. `ratio`: what a rule says, which then decides alone. */
  root(traceId: Uint32Array, at: number, nowMs: number, ratio?: number): boolean;
  /** A message that came with a valid context of its own. */
  child(parentSampled: boolean, traceId: Uint32Array, at: number, nowMs: number): boolean;
  /** Whether a context that says unsampled is always obeyed. */
  readonly byParent: boolean;
  /** New traces left unsampled because of `maxTracesPerSecond`. */
  readonly limited: number;
  /** Another `maxTracesPerSecond`; without effect where a variable decides. */
  limit(maxTracesPerSecond: number): void;
}

export interface SamplingOptions {
  /** New traces a second while OTEL_TRACES_SAMPLER is unset; 0 samples none. */
  maxTracesPerSecond: number;
  /** Told once, in one line, of a variable that could not be used. */
  warn?: (message: string) => void;
}

type Decide = (traceId: Uint32Array, at: number) => boolean;

const always: Decide = () => true;
const never: Decide = () => false;

/**
 * The sampler that OTEL_SDK_DISABLED, OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG ask for.
 * Unset: parent-based, and always on for up to `maxTracesPerSecond` new traces a second. Names and
 * decisions are those of the OpenTelemetry SDK, so that a trace is kept or left by all alike.
 */
export function createSampler(env: Environment, options: SamplingOptions): Sampler {
  // nothing is exported then, whatever rules say
  if (isTrue(env.OTEL_SDK_DISABLED))
    return { byParent: false, limited: 0, limit() {}, root: never, child: () => false };
  const warn = options.warn ?? (() => {});
  const name = text(env.OTEL_TRACES_SAMPLER);
  switch (name) {
    case 'always_on':
      return independent(always);
    case 'always_off':
      return independent(never);
    case 'traceidratio':
      return independent(ratio(env.OTEL_TRACES_SAMPLER_ARG, warn));
    case 'parentbased_always_on':
      return parentBased(always);
    case 'parentbased_always_off':
      return parentBased(never);
    case 'parentbased_traceidratio':
      return parentBased(ratio(env.OTEL_TRACES_SAMPLER_ARG, warn));
    case undefined:
      break;
    default:
      warn(
        `OTEL_TRACES_SAMPLER: '${name}' is not supported, sampling as if it were unset; supported are always_on, ` +
          'always_off, traceidratio and these three after parentbased_',
      );
  }
  return new Limited(options.maxTracesPerSecond);
}

function independent(decide: Decide): Sampler {
  return {
    byParent: false,
    limited: 0,
    limit() {},
    root: ruled(decide),
    child: (_parentSampled, traceId, at) => decide(traceId, at),
  };
}

function parentBased(root: Decide): Sampler {
  return { byParent: true, limited: 0, limit() {}, root: ruled(root), child: (parentSampled) => parentSampled };
}

function ruled(decide: Decide): Sampler['root'] {
  return (traceId, at, _nowMs, ratio) =>
    ratio === undefined ? decide(traceId, at) : isBelow(boundOf(ratio), traceId, at);
}

class Limited implements Sampler {
  readonly byParent = true;
  limited = 0;
  #rate: RateLimit;

  constructor(maxTracesPerSecond: number) {
    this.#rate = new RateLimit(maxTracesPerSecond);
  }

  root(traceId: Uint32Array, at: number, nowMs: number, ratio?: number): boolean {
    if (ratio !== undefined) return isBelow(boundOf(ratio), traceId, at);
    if (this.#rate.take(nowMs)) return true;
    this.limited++;
    return false;
  }

  limit(maxTracesPerSecond: number): void {
    this.#rate.set(maxTracesPerSecond);
  }

  child(parentSampled: boolean): boolean {
    return parentSampled;
  }
}

/** The SDK's TraceIdRatioBasedSampler: the id's words folded into one, compared with a bound. */
function ratio(value: string | undefined, warn: (message: string) => void): Decide {
  const bound = boundOf(ratioOf(value, warn));
  return (traceId, at) => isBelow(bound, traceId, at);
}

const boundOf = (share: number): number => (share === 1 ? 2 ** 32 : Math.floor(share * (2 ** 32 - 1)));

function isBelow(bound: number, traceId: Uint32Array, at: number): boolean {
  return (traceId[at] ^ traceId[at + 1] ^ traceId[at + 2] ^ traceId[at + 3]) >>> 0 < bound;
}

function ratioOf(value: string | undefined, warn: (message: string) => void): number {
  const share = text(value) === undefined ? Number.NaN : Number(value);
  if (share >= 0 && share <= 1) return share;
  warn(`OTEL_TRACES_SAMPLER_ARG: '${value ?? ''}' is not a number from 0 to 1, using 1`);
  return 1;
}
