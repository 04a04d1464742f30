import type { LifecycleEvent, OtherEvent } from './lifecycle.ts';
import { eventOf, type Passage, WATCHED } from './passage.ts';

type OfType<T extends OtherEvent['type']> = Extract<OtherEvent, { type: T }>;
type Listener<T> = (told: T) => void;

export interface EventListener {
  event(event: OtherEvent): void;
  /** The object is reused: it is valid until this returns. */
  passage(passage: Passage): void;
}

/** Where events come from: tells of up to `limit` and says how many it had. */
export interface EventSource {
  read(limit: number, listener: EventListener): number;
}

/** Events taken from a source before others get the thread. */
const BATCH = 256;

/** What is left in the sources after a round: nothing; more than a round takes; or what no listener has room for now. */
export type Left = 'nothing' | 'more' | 'no room';

/**
 * Hands lifecycle events and passages to those on the main thread who listen. Of a passage an event is made only if
 * someone wants every event. The bus keeps nothing itself: it takes from its sources only as many as its listeners have
 * `room` for, and the rest stays in the rings, which drop and count what they can't hold.
 */
export class EventBus {
  readonly #listeners = new Map<OtherEvent['type'], Listener<OtherEvent>[]>();
  readonly #passageListeners: Listener<Passage>[] = [];
  readonly #watchers: Listener<Passage>[] = [];
  readonly #everyListeners: Listener<LifecycleEvent>[] = [];
  readonly #sources = new Set<EventSource>();
  readonly #room: () => number;
  readonly #failed: (error: unknown) => void;
  readonly #listener: EventListener = {
    event: (event) => {
      for (const listener of this.#listeners.get(event.type) ?? []) this.#call(listener, event);
      for (const listener of this.#everyListeners) this.#call(listener, event);
    },
    passage: (passage) => {
      for (const watcher of this.#watchers) this.#call(watcher, passage);
      if ((passage.bits & WATCHED) !== 0) return;
      for (const listener of this.#passageListeners) this.#call(listener, passage);
      if (this.#everyListeners.length === 0) return;
      const event = eventOf(passage);
      for (const listener of this.#everyListeners) this.#call(listener, event);
    },
  };

  /** `failed` is told of an observer that throws; the others still get the event. */
  constructor(room: () => number, failed: (error: unknown) => void) {
    this.#room = room;
    this.#failed = failed;
  }

  on<T extends OtherEvent['type']>(type: T, listener: Listener<OfType<T>>): void {
    const listeners = this.#listeners.get(type) ?? [];
    listeners.push(listener as Listener<OtherEvent>);
    this.#listeners.set(type, listeners);
  }

  /** Messages whose passage ended. */
  onPassage(listener: Listener<Passage>): void {
    this.#passageListeners.push(listener);
  }

  /** Messages whose passage ended, those too that are told only because somebody watches (Watch of proxy/plane). */
  onWatched(listener: Listener<Passage>): void {
    this.#watchers.push(listener);
  }

  /** Every event, after those who listen to its type. */
  onEvery(listener: Listener<LifecycleEvent>): void {
    this.#everyListeners.push(listener);
  }

  attach(source: EventSource): void {
    this.#sources.add(source);
  }

  /** One round over the sources. */
  pump(): Left {
    let left: Left = 'nothing';
    for (const source of this.#sources) {
      const room = Math.min(BATCH, this.#room());
      if (room === 0) left = 'no room';
      else if (source.read(room, this.#listener) === room && left === 'nothing') left = 'more';
    }
    return left;
  }

  #call<T>(listener: Listener<T>, told: T): void {
    try {
      listener(told);
    } catch (error) {
      this.#failed(error);
    }
  }
}
