import { setTimeout as sleep } from 'node:timers/promises';
import type { EventBus } from './bus.ts';

/** Between two rounds, of which each takes all there is: without a pause a round would find a few, and never none. */
const PAUSE_MS = 50;
/** The pause while nobody has room, which lasts about as long as a request to the endpoint. */
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
