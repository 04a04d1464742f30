import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { type CellMessage, NONE, valuesOf } from '../metrics/cells.ts';
import {
  FAMILY_LABELS,
  type FamilyBounds,
  type FamilyLayouts,
  type FamilyName,
  familyLayouts,
} from '../metrics/families.ts';
import { type CellRange, Groups, type Labels, type View } from './groups.ts';
import { LabelLimits } from './label-limits.ts';

/** Which series count towards a group, and the labels they are shown with. */
export interface Source {
  family: FamilyName;
  /** default: as they are */
  labels?: (of: Labels) => Labels;
  /** default: all of the family */
  only?: (of: Labels) => boolean;
}

interface Definition {
  family: FamilyName;
  /** as the thread has them */
  labels: Labels;
  /** within the limits of all threads together */
  admitted: Labels;
  range: CellRange;
}

interface Thread {
  port: MessagePort;
  /** position of its cells in a view */
  number: number;
  defined: Map<number, Definition>;
}

/** Counts of this side, as if of a thread. */
const OWN = 0;
const OWN_CELLS = 16;

/**
 * Knows the cells of every traffic thread. Definitions are read off the ports only when `drain` is
 * called, which is before every read: a thread posts a definition before it counts on the cell.
 */
export class CellReader {
  readonly bounds: FamilyBounds;
  readonly layouts: FamilyLayouts;
  readonly #threads = new Set<Thread>();
  readonly #live: Float64Array[] = [new Float64Array(OWN_CELLS)];
  /** counts of this side that are in use */
  #used = NONE + 1;
  /** defined so far */
  #series = 0;
  readonly #followers = new Map<FamilyName, { groups: Groups; source: Source }[]>();
  readonly #limits: LabelLimits;
  /** by label, beside what the threads fold by themselves */
  readonly #folded = new Map<string, CellRange>();

  /** `maxValues`: of topic, of pipeline and of queue, over all threads, `maxEdges`: of edge; 0: no limit. */
  constructor(bounds: FamilyBounds, maxValues = 0, maxEdges = 0) {
    this.bounds = bounds;
    this.layouts = familyLayouts(bounds);
    this.#limits = new LabelLimits(maxValues, maxEdges, (label) => this.#fold(label));
  }

  /** Follow series from now on; ask before the first `attach`. `cumulative`: counts, which must not go back. */
  groups(sources: readonly Source[], cumulative = true): Groups {
    const groups = new Groups(cumulative);
    for (const source of sources) {
      const followers = this.#followers.get(source.family) ?? [];
      followers.push({ groups, source });
      this.#followers.set(source.family, followers);
    }
    return groups;
  }

  /** Starts reading a thread's cells. Call what it returns when the thread is gone. */
  attach(port: MessagePort): () => void {
    const thread: Thread = { port, number: this.#live.push(new Float64Array(0)) - 1, defined: new Map() };
    this.#threads.add(thread);
    return () => {
      this.drain();
      for (const [cell, { range }] of [...thread.defined]) {
        this.#withdraw(thread, cell, valuesOf(this.#live[thread.number], range.at, range.layout));
      }
      this.#threads.delete(thread);
      this.#live[thread.number] = new Float64Array(0);
    };
  }

  /** The counts as they are while they are read. */
  get live(): View {
    return { cells: this.#live, upTo: Number.POSITIVE_INFINITY };
  }

  /** The counts as they are now: what is read of them bit by bit is of one moment. */
  copy(): View {
    const cells = this.#live.map((cells, thread) => cells.slice(0, thread === OWN ? this.#used : cells[NONE]));
    return { cells, upTo: this.#series };
  }

  drain(): void {
    for (const thread of this.#threads) this.#drain(thread);
  }

  #drain(thread: Thread): void {
    for (;;) {
      const message = receiveMessageOnPort(thread.port)?.message as CellMessage | undefined;
      if (message === undefined) return;
      if (message.type === 'cells') this.#live[thread.number] = new Float64Array(message.buffer);
      else if (message.type === 'define') this.#define(thread, message);
      else this.#withdraw(thread, message.cell, message.values);
    }
  }

  #define(thread: Thread, { cell, family, labels: values }: Extract<CellMessage, { type: 'define' }>): void {
    const range = { number: ++this.#series, thread: thread.number, at: cell, layout: this.layouts[family] };
    const labels: Labels = Object.fromEntries(FAMILY_LABELS[family].map((name, i) => [name, values[i]]));
    const admitted = this.#limits.admit(labels);
    thread.defined.set(cell, { family, labels, admitted, range });
    this.#add(family, admitted, range);
  }

  #add(family: FamilyName, labels: Labels, range: CellRange): void {
    for (const { groups, source } of this.#following(family, labels)) groups.add(range, shown(source, labels));
  }

  #fold(label: string): void {
    let range = this.#folded.get(label);
    if (range === undefined) {
      range = { number: ++this.#series, thread: OWN, at: this.#used++, layout: undefined };
      this.#folded.set(label, range);
      this.#add('values_folded', { label }, range);
    }
    this.#live[OWN][range.at] += 1;
  }

  #withdraw(thread: Thread, cell: number, last: Float64Array): void {
    const definition = thread.defined.get(cell);
    if (definition === undefined) return;
    thread.defined.delete(cell);
    const { family, labels, admitted, range } = definition;
    this.#limits.release(labels, admitted);
    for (const { groups, source } of this.#following(family, admitted)) {
      groups.remove(range, shown(source, admitted), last);
    }
  }

  #following(family: FamilyName, labels: Labels) {
    return (this.#followers.get(family) ?? []).filter(({ source }) => source.only?.(labels) ?? true);
  }
}

function shown(source: Source, labels: Labels): Labels {
  return source.labels === undefined ? labels : source.labels(labels);
}
