import { useEffect, useState } from 'preact/hooks';
import type { EventsOf, EventsQuery, SidecarState, StateAnswer, TopicsAnswer } from '../../api.ts';
import { address } from './address.ts';

/**
 * How the page is told: `reconnecting` while the sidecar does not answer, `refused` where it answers others, but not
 * this page (its token is an older one), `paused` while nobody looks.
 */
export type Connection = 'connecting' | 'live' | 'reconnecting' | 'refused' | 'paused';

type Name = keyof EventsOf;
/** Is told what came, and for which wish. */
type Listener<K extends Name> = (data: EventsOf[K], wish: Wish) => void;

/** What a view wants to be told besides the state. */
export type Wish = Omit<EventsQuery, 'of'> & { of?: Exclude<Name, 'state' | 'skipped'> };

/** Who scrolls or types changes a wish many times; only the last one counts. */
const SETTLE_MS = 80;
/** An EventSource that was refused does not come back by itself. */
const RETRY_MS = 2_000;
/** Each try may be one with a wrong token, of which few are allowed. */
const REFUSED_RETRY_MS = 60_000;
/** Without a word for so long, it is asked whether anybody is there: a connection may die without an end. */
const SILENT_MS = 20_000;
const ANSWER_MS = 5_000;

/**
 * The one stream of events of the page: browsers open few connections to a server, and each view changes what it wants
 * of this one. Nobody looks at a hidden page, so it is told nothing.
 */
class Live {
  state: StateAnswer | undefined;
  connection: Connection = 'connecting';
  readonly #listeners = new Map<Name, Set<Listener<never>>>();
  readonly #watchers = new Set<() => void>();
  #wish: Wish = {};
  #source: EventSource | undefined;
  /** what the source was opened for */
  #openFor = '';
  #retry: ReturnType<typeof setTimeout> | undefined;
  #heardAt = 0;

  start(): void {
    document.addEventListener('visibilitychange', () => this.#open());
    setInterval(() => void this.#listen(), SILENT_MS / 4);
    this.#retry = setTimeout(() => this.#open(), SETTLE_MS);
  }

  /** What it tells from now on. */
  wish(wish: Wish): void {
    this.#wish = wish;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => {
      if (query(this.#wish) !== this.#openFor || this.#source?.readyState !== EventSource.OPEN) this.#open();
    }, SETTLE_MS);
  }

  on<K extends Name>(name: K, listener: Listener<K>): () => void {
    const all = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, all);
    all.add(listener as Listener<never>);
    return () => all.delete(listener as Listener<never>);
  }

  /** Is told whenever state or connection are other ones. */
  watch(watcher: () => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  #open(): void {
    clearTimeout(this.#retry);
    this.#source?.close();
    this.#source = undefined;
    if (document.hidden) {
      this.#is('paused');
      return;
    }
    if (this.connection === 'paused') this.#is('connecting');
    const wish = this.#wish;
    this.#openFor = query(wish);
    const source = new EventSource(address(`api/events?${this.#openFor}`));
    this.#source = source;
    this.#heardAt = Date.now();
    let first = true;
    source.onerror = () => {
      first = true;
      if (source.readyState === EventSource.CLOSED) void this.#refused();
      else this.#is('reconnecting');
    };
    for (const name of ['state', 'topics', 'messages', 'skipped'] as const) {
      source.addEventListener(name, ({ data }) => {
        this.#heardAt = Date.now();
        const said = JSON.parse(data);
        if (name === 'state') {
          this.state = first ? said : { ...this.state, ...said };
          first = false;
        }
        this.connection = 'live';
        for (const listener of this.#listeners.get(name) ?? []) listener(said as never, wish);
        if (name === 'state') this.#tell();
      });
    }
  }

  /** It answered, but no events: it is just coming up behind a proxy, or does not let us in any more. */
  async #refused(): Promise<void> {
    const refused = await isAlive();
    this.#is(refused ? 'refused' : 'reconnecting');
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#open(), refused ? REFUSED_RETRY_MS : RETRY_MS);
  }

  async #listen(): Promise<void> {
    if (this.connection !== 'live' || Date.now() - this.#heardAt < SILENT_MS) return;
    if (await isAlive()) {
      this.#heardAt = Date.now();
      return;
    }
    this.#is('reconnecting');
    this.#open();
  }

  #is(connection: Connection): void {
    if (connection === this.connection) return;
    this.connection = connection;
    this.#tell();
  }

  #tell(): void {
    for (const watcher of this.#watchers) watcher();
  }
}

export const live = new Live();

/** Asks what everybody may ask. */
async function isAlive(): Promise<boolean> {
  try {
    return (await fetch(address('livez'), { signal: AbortSignal.timeout(ANSWER_MS) })).ok;
  } catch {
    return false;
  }
}

function query({ of, ...wish }: Wish): string {
  const given = Object.entries(wish).filter(([, value]) => value !== undefined && value !== '');
  return String(new URLSearchParams([['of', of ? `state,${of}` : 'state'], ...given.map(([k, v]) => [k, String(v)])]));
}

/** Draws the caller again when state or connection change. */
export function useLive(): { state: StateAnswer | undefined; connection: Connection } {
  const [, draw] = useState(0);
  useEffect(() => live.watch(() => draw((times) => times + 1)), []);
  return { state: live.state, connection: live.connection };
}

/** What the view that calls it wants to be told, as long as it is shown. */
export function useWish(wish: Wish): void {
  useEffect(() => {
    live.wish(wish);
    return () => live.wish({});
  }, [query(wish)]);
}

/** All sidecars of an answer, each with its own state. */
export function everySidecar(state: StateAnswer): SidecarState[] {
  return [state, ...state.peers];
}

/** The instance's name for an id that rows carry. */
export function sidecarName(answer: Pick<TopicsAnswer, 'sidecars'> | undefined, id: string): string {
  return answer?.sidecars.find((each) => each.id === id)?.name ?? id.slice(0, 8);
}
