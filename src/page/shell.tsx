import type { FunctionComponent } from 'preact';
import { useEffect } from 'preact/hooks';
import { useLive } from './data/live.ts';
import { name } from './format.ts';
import { Notices } from './parts/notices.tsx';
import { href, useRoute, type ViewProps } from './route.ts';
import { ConnectionsView } from './views/connections.tsx';
import { LossesView } from './views/losses.tsx';
import { MapView } from './views/map.tsx';
import { SidecarsView } from './views/sidecars.tsx';
import { TopicView } from './views/topic.tsx';
import { TopicsView } from './views/topics.tsx';
import { TraceView } from './views/trace.tsx';
import { TracesView } from './views/traces.tsx';

/** By the first part of the path. A view under another one's tab names it. */
const VIEWS: Record<string, { label: string; tab?: string; view: FunctionComponent<ViewProps> }> = {
  topics: { label: 'Topics', view: TopicsView },
  topic: { label: 'Topic', tab: 'topics', view: TopicView },
  traces: { label: 'Traces', view: TracesView },
  trace: { label: 'Trace', tab: 'traces', view: TraceView },
  losses: { label: 'Losses', view: LossesView },
  connections: { label: 'Connections', view: ConnectionsView },
  map: { label: 'Map', view: MapView },
  sidecars: { label: 'Sidecars', view: SidecarsView },
};

/** Of a view with several things, the one that is shown is drawn from scratch when it is another one. */
const DISTINCT = ['topic', 'pipeline'];

export function Shell() {
  const route = useRoute();
  const { state } = useLive();
  const [first = 'topics', ...rest] = route.parts;
  const at = Object.hasOwn(VIEWS, first) ? first : 'topics';
  const { label, tab = at, view: View } = VIEWS[at];
  const service = state?.service;
  useEffect(() => {
    const where = at === 'topic' ? (route.query.get('topic') ?? label) : label;
    document.title = [where, service, 'Tracehare']
      .filter(Boolean)
      .map((part) => name(part as string))
      .join(' · ');
  }, [at, label, service, route]);
  useEffect(() => {
    addEventListener('keydown', searchByKey);
    return () => removeEventListener('keydown', searchByKey);
  }, []);
  const identity = [at, ...rest, ...DISTINCT.map((each) => (at === 'topic' ? route.query.get(each) : ''))].join('\n');
  return (
    <>
      <button type="button" class="skip" onClick={toContent}>
        Skip to content
      </button>
      <header>
        <a class="brand" href={href(['topics'])}>
          <svg viewBox="0 0 32 32" aria-hidden="true">
            <rect width="32" height="32" rx="7" />
            <path d="M4 20h6l3-11 5 16 4-9 2 4h4" />
          </svg>
          <span>{service === undefined ? 'Tracehare' : name(service)}</span>
        </a>
        <nav aria-label="Views">
          {Object.entries(VIEWS)
            .filter(([, { tab }]) => tab === undefined)
            .map(([path, { label }]) => (
              <a key={path} href={href([path])} aria-current={path === tab ? 'page' : undefined}>
                {label}
              </a>
            ))}
        </nav>
        <LiveMark />
      </header>
      <Notices />
      <main id="main" tabIndex={-1}>
        <div class="view" data-view={at}>
          <View key={identity} route={route} />
        </div>
      </main>
    </>
  );
}

/** How fresh the figures are, in a word. */
function LiveMark() {
  const { connection, state } = useLive();
  const sidecars = state === undefined ? 0 : 1 + state.peers.length;
  const words = {
    connecting: 'connecting…',
    live: sidecars > 1 ? `live, ${sidecars} sidecars` : 'live',
    reconnecting: 'reconnecting…',
    refused: 'refused',
    paused: 'paused',
  };
  return (
    <span class={`live ${connection}`} role="status">
      {words[connection]}
    </span>
  );
}

function toContent(): void {
  document.getElementById('main')?.focus();
}

/** A slash leads to the search of the view. */
function searchByKey(event: KeyboardEvent): void {
  const { target, key, ctrlKey, metaKey, altKey } = event;
  if (ctrlKey || metaKey || altKey) return;
  const search = document.querySelector<HTMLInputElement>('input[type=search]');
  if (key === '/' && search && !(target instanceof HTMLElement && target.closest('input, select, textarea'))) {
    event.preventDefault();
    search.focus();
    search.select();
  }
}
