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
      </dl>
      <Waterfall spans={spans} startMicros={start} endMicros={end} sidecarOf={(each) => sidecarName(answer, each)} />
    </>
  );
}
