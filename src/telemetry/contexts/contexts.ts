import { type Environment, text } from '../traces/environment.ts';
import { b3, b3multi } from './b3.ts';
import type { ContextFormat } from './context-format.ts';
import { datadog } from './datadog.ts';
import { jaeger } from './jaeger.ts';
import { ottrace } from './ottrace.ts';

/** What OTEL_PROPAGATORS asks for. */
export interface WantedContexts {
  /** traceparent and tracestate; without them no context is read or added at all */
  w3c: boolean;
  /** those beside them, in the order in which they are looked for */
  further: readonly ContextFormat[];
}

/** By their names in OTEL_PROPAGATORS. */
export const FORMATS: ReadonlyMap<string, ContextFormat> = new Map([
  ['b3', b3],
  ['b3multi', b3multi],
  ['jaeger', jaeger],
  ['datadog', datadog],
  ['ottrace', ottrace],
]);

/** Passed on untouched, listed or not. */
const BAGGAGE = 'baggage';
const W3C = 'tracecontext';

export function wantedContexts(env: Environment, warn: (message: string) => void = () => {}): WantedContexts {
  const listed = text(env.OTEL_PROPAGATORS) ?? W3C;
  const names = new Set(listed.split(',').map((name) => name.trim().toLowerCase()));
  names.delete('');
  if (names.has('none')) return { w3c: false, further: [] };
  const unknown = [...names].filter((name) => name !== W3C && name !== BAGGAGE && !FORMATS.has(name));
  if (unknown.length > 0) {
    warn(
      `OTEL_PROPAGATORS: ${unknown.map((name) => `'${name.slice(0, 40)}'`).join(', ')} not supported; supported are ` +
        `${[W3C, BAGGAGE, ...FORMATS.keys()].join(', ')} and none`,
    );
  }
  return { w3c: true, further: [...names].flatMap((name) => FORMATS.get(name) ?? []) };
}
