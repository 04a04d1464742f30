import { type Environment, text, whole } from '../traces/environment.ts';
import type { AttributeWriter, Key } from './attributes.ts';
import type { TracingLog } from './diagnostics.ts';

/** The SDK's limits of what a span holds. */
export interface SpanLimits {
  attributes: number;
  /** of a text, in UTF-16 units */
  valueLength: number;
  events: number;
  eventAttributes: number;
  links: number;
}

/** How many there may be of anything unless it is said. No span of ours has so many. */
const COUNT = 128;

/** As the OTEL_* variables say; undefined if they say nothing, for then no limit is ever reached. */
export function spanLimits(env: Environment, log: TracingLog): SpanLimits | undefined {
  let any = false;
  const limit = (least: 0 | 1, fallback: number, ...variables: string[]): number => {
    const variable = variables.find((name) => text(env[name]) !== undefined);
    if (variable === undefined) return fallback;
    any = true;
    return whole(env, variable, least, fallback, log);
  };
  const limits = {
    attributes: limit(0, COUNT, 'OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT', 'OTEL_ATTRIBUTE_COUNT_LIMIT'),
    valueLength: limit(
      1,
      Number.POSITIVE_INFINITY,
      'OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT',
      'OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT',
    ),
    events: limit(0, COUNT, 'OTEL_SPAN_EVENT_COUNT_LIMIT'),
    eventAttributes: limit(0, COUNT, 'OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT', 'OTEL_SPAN_ATTRIBUTE_PER_EVENT_COUNT_LIMIT'),
    links: limit(0, COUNT, 'OTEL_SPAN_LINK_COUNT_LIMIT'),
  };
  return any ? limits : undefined;
}

/** Passes on as many attributes as there may be, their texts cut. */
export class LimitedAttributes implements AttributeWriter {
  dropped = 0;
  readonly #to: AttributeWriter;
  #left: number;
  readonly #valueLength: number;

  constructor(to: AttributeWriter, count: number, valueLength: number) {
    this.#to = to;
    this.#left = count;
    this.#valueLength = valueLength;
  }

  text(key: Key, value: string): void {
    if (this.#take()) this.#to.text(key, value.slice(0, this.#valueLength));
  }

  number(key: Key, value: number): void {
    if (this.#take()) this.#to.number(key, value);
  }

  flag(key: Key, value: boolean): void {
    if (this.#take()) this.#to.flag(key, value);
  }

  #take(): boolean {
    if (this.#left > 0) {
      this.#left--;
      return true;
    }
    this.dropped++;
    return false;
  }
}
