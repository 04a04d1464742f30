import type { Groups, View } from './groups.ts';

/** Marks stand no closer than this part of their age, which makes about a hundred for a day. */
const FINENESS = 10;
const OLDEST_S = 86_400;

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
      marks.set(group.text, newest === last ? known : thinned(known));
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

function thinned(marks: readonly number[]): number[] {
  const newest = marks[marks.length - 1];
  const kept: number[] = [];
  marks.forEach((mark, i) => {
    if (newest - mark > OLDEST_S) return;
    const [before, after] = [kept.at(-1), marks[i + 1]];
    const isDispensable = before !== undefined && after !== undefined && after - before <= (newest - after) / FINENESS;
    if (!isDispensable) kept.push(mark);
  });
  return kept;
}
