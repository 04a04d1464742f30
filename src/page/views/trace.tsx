import type { TraceAnswer } from '../../api.ts';
import { Refused, useAsk } from '../data/ask.ts';
import { sidecarName } from '../data/live.ts';
import { clock, duration, moment, name } from '../format.ts';
import { Waterfall } from '../parts/waterfall.tsx';
import { Figure, Trouble } from '../parts/words.tsx';
import type { ViewProps } from '../route.ts';
import { href } from '../route.ts';

/** Spans may still come: of the other sidecar, or of a retry. */
const EVERY_MS = 3_000;

export function TraceView({ route }: ViewProps) {
  const id = route.parts[1] ?? '';
  const { answer, refusal } = useAsk<TraceAnswer>(`traces/${encodeURIComponent(id)}`, {}, EVERY_MS);
  return (
    <>
      <div class="heading">
        <h1>
          Trace <small class="id">{name(id)}</small>
        </h1>
        <p class="ways">
          <a href={href(['traces'])}>All traces</a> <a href={`api/traces/${encodeURIComponent(id)}`}>As JSON</a>
        </p>
      </div>
      {refusal instanceof Refused && refusal.status === 404 ? (
        <p class="trouble" role="status">
          No sidecar has kept this trace: it was not sampled, or newer ones took its place. With an OTLP endpoint, look
          there.
        </p>
      ) : (
        <Trouble refusal={refusal} />
      )}
      {answer && answer.spans.length > 0 && <Trace answer={answer} />}
    </>
  );
}

function Trace({ answer }: { answer: TraceAnswer }) {
  const { spans } = answer;
  const start = Math.min(...spans.map(({ startMicros }) => startMicros));
  const end = Math.max(...spans.map(({ endMicros }) => endMicros));
  const topics = [...new Set(spans.map(({ topic }) => topic))];
  const services = [...new Set(spans.map(({ service }) => service))];
  const origins = originsOf(answer);
  return (
    <>
      <dl class="figures">
        <Figure label="Began" meaning={moment(start / 1000)}>
          {clock(start / 1000)}
        </Figure>
        <Figure label="Took">{duration((end - start) / 1e6)}</Figure>
        <Figure label="Spans">{spans.length}</Figure>
        <Figure label={topics.length === 1 ? 'Topic' : 'Topics'}>
          {topics.map((topic, i) => (
            <span key={topic}>
              {i > 0 && ', '}
              <a href={href(['topic'], { topic })}>{name(topic)}</a>
            </span>
          ))}
        </Figure>
        <Figure label={services.length === 1 ? 'Service' : 'Services'}>{services.map(name).join(', ')}</Figure>
        {origins.length > 0 && (
          <Figure label="Comes of" meaning="messages whose handling led to these">
            {origins.map(({ traceId, cause }, i) => (
              <span key={traceId}>
                {i > 0 && ', '}
                <a href={href(['trace', traceId])} title={traceId}>
                  {traceId.slice(0, 8)}
                </a>{' '}
                <small>{cause}</small>
              </span>
            ))}
          </Figure>
        )}
      </dl>
      <Waterfall spans={spans} startMicros={start} endMicros={end} sidecarOf={(each) => sidecarName(answer, each)} />
    </>
  );
}

/** Other traces that its spans are linked to, and how that is known. */
function originsOf({ traceId, spans }: TraceAnswer): { traceId: string; cause: string }[] {
  const causes = new Map<string, string>();
  for (const { traceId: other, attributes } of spans.flatMap(({ links }) => links)) {
    if (other !== traceId) causes.set(other, String(attributes['tracehare.cause'] ?? '').replaceAll('_', ' '));
  }
  return [...causes].map(([traceId, cause]) => ({ traceId, cause }));
}
