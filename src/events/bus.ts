import type { LifecycleEvent, LifecycleEventType } from './lifecycle.ts';

type Event<T extends LifecycleEventType> = Extract<LifecycleEvent, { type: T }>;
type Listener = (event: LifecycleEvent) => void;

/** Where events come from: hands on up to `limit` and says how many it had. */
export interface EventSource {
  read(limit: number, each: Listener): number;
}

/** Events taken from a source before others get the thread. */
const BATCH = 256;

/** What a round leaves: nothing, more than one round takes, or what nobody has room for now. */
export type Left = 'nothing' | 'more' | 'no room';

/**
 * Lifecycle events on the main thread, typed by their name. Bounded by its sources: it takes only
 * as many as its observers have `room` for and leaves the rest where they drop and are counted.
 */
export class EventBus {
  readonly #listeners = new Map<LifecycleEventType, Listener[]>();
  readonly #everyListeners: Listener[] = [];
  readonly #sources = new Set<EventSource>();
  readonly #room: () => number;
  readonly #failed: (error: unknown) => void;
  readonly #each = (event: LifecycleEvent): void => this.#tell(event);

  /** `failed` is told of an observer that throws; the others still get the event. */
  constructor(room: () => number, failed: (error: unknown) => void) {
    this.#room = room;
    this.#failed = failed;
  }

  on<T extends LifecycleEventType>(type: T, listener: (event: Event<T>) => void): void {
    const listeners = this.#listeners.get(type) ?? [];
    listeners.push(listener as Listener);
    this.#listeners.set(type, listeners);
  }

  /** Every event, after those who listen to its type. */
  onEvery(listener: Listener): void {
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
      else if (source.read(room, this.#each) === room && left === 'nothing') left = 'more';
    }
    return left;
  }

  #tell(event: LifecycleEvent): void {
    for (const listener of this.#listeners.get(event.type) ?? []) this.#call(listener, event);
    for (const listener of this.#everyListeners) this.#call(listener, event);
  }

  #call(listener: Listener, event: LifecycleEvent): void {
    try {
      listener(event);
    } catch (error) {
      this.#failed(error);
    }
  }
}
