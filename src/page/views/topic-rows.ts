import { useEffect, useRef, useState } from 'preact/hooks';
import type { TopicRow, TopicSort, TopicsChange } from '../../api.ts';
import { live, useWish, type Wish } from '../data/live.ts';
import { whole } from '../data/steps.ts';
import { isBusy } from '../parts/busy.ts';
import type { Sorting } from '../parts/sorting.ts';
import type { Rows } from '../parts/table.tsx';

/** The stream tells of so many rows, and begins at a multiple of STEP: scrolling a little asks for nothing anew. */
const LIMIT = 120;
const STEP = 40;

export interface TopicRows extends Rows<TopicRow> {
  /** undefined before the first answer */
  told: Omit<TopicsChange, 'topics' | 'order'> | undefined;
  onView(from: number, to: number): void;
}

export const topicKey = ({ topic, pipeline }: TopicRow): string => JSON.stringify([topic, pipeline]);

/**
 * The topics in this order, of which only those near the rows in sight are here, however many there are. `label` is
 * the table's: while someone is busy with its rows they keep their places.
 */
export function useTopicRows(label: string, sorting: Sorting, search: string): TopicRows {
  const [offset, setOffset] = useState(0);
  const [told, setTold] = useState<TopicRows['told']>();
  const rows = useRef(new Map<string, TopicRow>());
  /** keys by place */
  const places = useRef<(string | undefined)[]>([]);
  const sort = sortOf(sorting);
  const shownFor = useRef('');
  useWish({ of: 'topics', sort, search, offset, limit: LIMIT });

  useEffect(
    () =>
      live.on('topics', ({ order, topics, ...rest }, wish) => {
        const { points } = whole(rest.line, rest.at);
        for (const row of topics) {
          const line = { ...row.line, rate: row.line.rate.slice(0, points) };
          rows.current.set(topicKey(row), { ...row, line });
        }
        const same = shownFor.current === JSON.stringify([wish.sort, wish.search]);
        if (!same) places.current = [];
        shownFor.current = JSON.stringify([wish.sort, wish.search]);
        place(places.current, order, wish, same && isBusy(label));
        places.current.length = Math.min(places.current.length, rest.matching);
        forget(rows.current, places.current, wish.offset ?? 0);
        setTold(rest);
      }),
    [label],
  );

  return {
    told,
    total: told?.matching ?? 0,
    at: (index) => rows.current.get(places.current[index] ?? ''),
    onView(from, to) {
      if (from >= offset && to <= offset + LIMIT) return;
      setOffset(Math.max(0, Math.floor((from + to - LIMIT) / 2 / STEP) * STEP));
    },
  };
}

/** What was told for a part of the places. Rows that are held keep theirs; new ones take what is free. */
function place(places: (string | undefined)[], order: string[], { offset = 0 }: Wish, held: boolean): void {
  const before = held ? places.slice(offset, offset + order.length) : [];
  const known = new Set(before);
  const there = new Set(order);
  const fresh = order.filter((key) => !known.has(key));
  for (let i = 0; i < order.length; i++) {
    const key = held ? before[i] : order[i];
    places[offset + i] = key !== undefined && there.has(key) ? key : fresh.shift();
  }
}

/** Rows far from sight: of thousands of topics only some are worth their memory. */
function forget(rows: Map<string, TopicRow>, places: (string | undefined)[], offset: number): void {
  const near = new Set(places.slice(Math.max(0, offset - LIMIT), offset + 2 * LIMIT));
  for (const key of rows.keys()) if (!near.has(key)) rows.delete(key);
}

/** Names sort from a to z, figures from the greatest; the contract calls both the plain order. */
function sortOf({ by, down }: Sorting): TopicSort | `-${TopicSort}` {
  const sort = by as TopicSort;
  return down === (sort !== 'topic') ? sort : `-${sort}`;
}
