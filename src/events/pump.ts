import { setTimeout as sleep } from 'node:timers/promises';
import type { EventBus } from './bus.ts';

/** How often events are fetched. Each time all there are: a thread that looks again at once finds a few and is never idle. */
const PAUSE_MS = 50;
/** While nobody has room, which lasts as long as a request to the endpoint. */
const NO_ROOM_MS = 5;

/** Keeps a bus going, and lets others have the thread between its rounds. */
export class EventPump {
  readonly #bus: EventBus;
  #next: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(bus: EventBus) {
    this.#bus = bus;
    this.#round();
  }

  /** Stops when nothing is left. */
  async drain(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#next);
    for (let left = this.#bus.pump(); left !== 'nothing'; left = this.#bus.pump()) {
      await sleep(left === 'more' ? 0 : NO_ROOM_MS);
    }
  }

  #round(): void {
    if (this.#stopped) return;
    const left = this.#bus.pump();
    if (left === 'more') setImmediate(() => this.#round());
    else this.#next = setTimeout(() => this.#round(), left === 'nothing' ? PAUSE_MS : NO_ROOM_MS);
  }
}
