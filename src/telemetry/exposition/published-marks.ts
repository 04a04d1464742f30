import type { Groups, View } from './groups.ts';

/** Of a routing key. With each halving the older ones are thinned again: what they tell is as fine as it is new. */
const MOST = 64;

/**
 * When some messages of each routing key were published, besides the newest: the first one of them that is newer than
 * what a queue has delivered waits there, so the oldest one waits at least as long.
 */
export class PublishedMarks {
  readonly #published: Groups;
  /** by the labels' text; seconds, ascending */
  #marks = new Map<string, number[]>();

  /** `published`: of each series when its newest message was published. */
  constructor(published: Groups) {
    this.#published = published;
  }

  /** Call once a second. */
  snapshot(view: View): void {
    const marks = new Map<string, number[]>();
    for (const group of this.#published) {
      const newest = group.greatest(view);
      if (!(newest > 0)) continue;
      const known = this.#marks.get(group.text) ?? [];
      const last = known.at(-1) ?? 0;
      if (newest < last) known.length = 0;
      if (newest !== last) known.push(newest);
      marks.set(group.text, known.length > MOST ? known.filter((_, i) => (known.length - i) % 2 === 1) : known);
    }
    this.#marks = marks;
  }

  /** By routing key. */
  of(topic: string, pipeline: string): { routingKey: string; marks: readonly number[] }[] {
    return [...this.#published]
      .filter(({ labels }) => labels.topic === topic && labels.pipeline === pipeline)
      .map(({ labels, text }) => ({ routingKey: labels.routing_key, marks: this.#marks.get(text) ?? [] }));
  }
}
