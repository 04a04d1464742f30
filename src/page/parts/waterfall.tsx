import { useState } from 'preact/hooks';
import type { TraceSpan } from '../../api.ts';
import { duration, name } from '../format.ts';
import { SpanDetails } from './span-details.tsx';
import { inTreeOrder } from './span-tree.ts';
import { Outcome } from './words.tsx';

const TICKS = 4;
/** Deeper ones stand no further to the right: their names would have no room. */
const DEEPEST = 8;

export interface WaterfallProps {
  spans: readonly TraceSpan[];
  startMicros: number;
  endMicros: number;
  /** name of a sidecar */
  sidecarOf: (id: string) => string;
}

/** Spans below each other on one scale of time; each opens to all that is known of it. */
export function Waterfall({ spans, startMicros, endMicros, sidecarOf }: WaterfallProps) {
  const placed = inTreeOrder(spans);
  // what went wrong is what the reader came for
  const [open, setOpen] = useState(
    () =>
      new Set(
        placed
          .filter(({ span }) => span.outcome === 'lost' || span.outcome === 'failed')
          .map(({ span }) => span.spanId),
      ),
  );
  const whole = Math.max(1, endMicros - startMicros);
  const share = (micros: number) => `${((micros - startMicros) / whole) * 100}%`;
  const toggle = (id: string) => {
    const next = new Set(open);
    if (!next.delete(id)) next.add(id);
    setOpen(next);
  };
  return (
    <div class="waterfall">
      <div class="scale" aria-hidden="true">
        {Array.from({ length: TICKS + 1 }, (_, i) => (
          <span key={i} style={{ left: `${(i / TICKS) * 100}%` }}>
            {duration(((i / TICKS) * whole) / 1e6)}
          </span>
        ))}
      </div>
      <ol>
        {placed.map(({ span, depth }) => {
          const { spanId, startMicros: from, endMicros: to, outcome, kind, events } = span;
          return (
            <li key={spanId}>
              <button type="button" aria-expanded={open.has(spanId)} onClick={() => toggle(spanId)}>
                <span class="what" style={{ paddingLeft: `${Math.min(depth, DEEPEST) * 14}px` }}>
                  <b>{name(span.name)}</b> <small>{name(span.service)}</small>
                </span>
                <span class="track">
                  <i
                    class={`${kind} ${outcome}`}
                    style={{ left: share(from), width: `${((to - from) / whole) * 100}%` }}
                  />
                  {events.map(({ name: event, atMicros }, i) => (
                    <i key={i} class="event" title={name(event)} style={{ left: share(atMicros) }} />
                  ))}
                </span>
                <span class="took">
                  {outcome !== 'success' && <Outcome outcome={outcome} />} {duration((to - from) / 1e6)}
                </span>
              </button>
              {open.has(spanId) && (
                <SpanDetails span={span} startMicros={startMicros} sidecar={sidecarOf(span.sidecar)} />
              )}
            </li>
          );
        })}
      </ol>
    </div>
  );
}
