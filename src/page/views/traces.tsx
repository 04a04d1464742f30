import { useState } from 'preact/hooks';
import type { TraceOutcome, TracesAnswer } from '../../api.ts';
import { useAsk } from '../data/ask.ts';
import { bytes, count } from '../format.ts';
import { Search } from '../parts/search.tsx';
import { TraceList } from '../parts/trace-list.tsx';
import { Trouble } from '../parts/words.tsx';
import type { ViewProps } from '../route.ts';
import { href, replaceQuery } from '../route.ts';
import { leastSeconds } from './least.ts';

const EVERY_MS = 3_000;
const LIMIT = 500;
const OUTCOMES: readonly TraceOutcome[] = ['lost', 'failed', 'unknown', 'requeued', 'success'];
const TRACE_ID = /^[0-9a-f]{32}$/i;

export function TracesView({ route }: ViewProps) {
  const asked = (name: string) => route.query.get(name) ?? '';
  const [id, setId] = useState('');
  const least = leastSeconds(asked('least'));
  const { answer, refusal } = useAsk<TracesAnswer>(
    'traces',
    {
      topic: asked('topic'),
      outcome: asked('outcome'),
      least: least || undefined,
      sort: asked('sort') || 'newest',
      limit: LIMIT,
    },
    EVERY_MS,
  );
  const find = (text: string) => {
    setId(text);
    if (TRACE_ID.test(text.trim())) location.hash = href(['trace', text.trim().toLowerCase()]);
  };
  const typed = id.trim().toLowerCase();
  const traces = (answer?.traces ?? []).filter(({ traceId }) => traceId.startsWith(typed));
  return (
    <>
      <h1 class="unseen">Traces</h1>
      <form class="toolbar" onSubmit={(event) => event.preventDefault()}>
        <Search wide label="Trace id, or how it begins" value={id} onChange={find} />
        <label>
          Topic{' '}
          <input
            type="text"
            value={asked('topic')}
            onChange={({ currentTarget }) => replaceQuery(route, { topic: currentTarget.value.trim() })}
          />
        </label>
        <label>
          Outcome{' '}
          <select
            value={asked('outcome')}
            onChange={({ currentTarget }) => replaceQuery(route, { outcome: currentTarget.value })}
          >
            <option value="">any</option>
            {OUTCOMES.map((outcome) => (
              <option key={outcome}>{outcome}</option>
            ))}
          </select>
        </label>
        <label>
          At least{' '}
          <input
            type="text"
            class="short"
            placeholder="100 ms"
            aria-invalid={least === undefined}
            value={asked('least')}
            onChange={({ currentTarget }) => replaceQuery(route, { least: currentTarget.value.trim() })}
          />
        </label>
        <label>
          Order{' '}
          <select
            value={asked('sort')}
            onChange={({ currentTarget }) => replaceQuery(route, { sort: currentTarget.value })}
          >
            <option value="">newest</option>
            <option value="slowest">slowest</option>
          </select>
        </label>
        {answer && <Kept answer={answer} />}
      </form>
      <Trouble refusal={least === undefined ? new Error('At least: a duration such as 250 ms or 1.5 s') : refusal} />
      <TraceList
        key={asked('sort')}
        fills
        label="Traces"
        traces={traces}
        empty={answer ? 'No trace that is kept matches.' : 'Asking the sidecar…'}
      />
    </>
  );
}

function Kept({ answer: { traces, matching, kept, skipped } }: { answer: TracesAnswer }) {
  const shown = traces.length < matching ? `${count(traces.length)} of ${count(matching)}` : count(traces.length);
  const memory = `${count(kept.traces)} kept in ${bytes(kept.bytes)} of ${bytes(kept.maxBytes)}`;
  return (
    <span class="tally">
      {shown} found, {memory}
      {skipped > 0 && `, ${count(skipped)} spans came too fast to keep`}
    </span>
  );
}
