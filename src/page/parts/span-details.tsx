import type { ComponentChildren } from 'preact';
import type { AttributeValue, TraceSpan } from '../../api.ts';
import { duration, name } from '../format.ts';
import { href } from '../route.ts';

/** All there is to know of a span. */
export function SpanDetails({ span, startMicros, sidecar }: { span: TraceSpan; startMicros: number; sidecar: string }) {
  const { attributes, events, links, status, kind, spanId, parentSpanId, sampled, topic } = span;
  return (
    <div class="span">
      {status.code === 'error' && (
        <p class="trouble">{name(status.message) || shown(attributes['error.type'] ?? 'error')}</p>
      )}
      <dl>
        <Pair term="span">
          <span class="id">{spanId}</span>, {kind}
          {parentSpanId !== '' && (
            <>
              {' '}
              of <span class="id">{parentSpanId}</span>
            </>
          )}
        </Pair>
        <Pair term="seen by">
          {name(sidecar)}
          {!sampled && ', kept though its message is not sampled'}
        </Pair>
        <Pair term="topic">
          <a href={href(['topic'], { topic })}>{name(topic)}</a>
        </Pair>
        {Object.entries(attributes).map(([key, value]) => (
          <Pair key={key} term={name(key)}>
            {shown(value)}
          </Pair>
        ))}
        {events.map(({ name: event, atMicros, attributes }, i) => (
          <Pair key={i} term={`event at ${duration((atMicros - startMicros) / 1e6)}`}>
            <b>{name(event)}</b>{' '}
            {Object.entries(attributes)
              .map(([key, value]) => `${name(key)}=${shown(value)}`)
              .join(', ')}
          </Pair>
        ))}
        {links.map(({ traceId, spanId }) => (
          <Pair key={spanId} term="link">
            <a class="id" href={href(['trace', traceId])}>
              {traceId}
            </a>{' '}
            span <span class="id">{spanId}</span>
          </Pair>
        ))}
      </dl>
    </div>
  );
}

function Pair({ term, children }: { term: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{term}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function shown(value: AttributeValue): string {
  return name(Array.isArray(value) ? value.join(', ') : String(value));
}
