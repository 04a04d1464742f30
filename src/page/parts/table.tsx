import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { count } from '../format.ts';
import { type Sorting, sorted } from './sorting.ts';

export interface Column<T> {
  id: string;
  label: string;
  /** what the figure is, for who wonders */
  meaning?: string;
  /** figures stand at the end of their cell, one below the other */
  figure?: boolean;
  /** of the table's width; names take what is left */
  width?: string;
  /** narrow screens leave out 2, phones also 1 */
  spare?: 1 | 2;
  /** by what the column sorts; without, it does not */
  by?: (row: T) => number | string | null;
  cell: (row: T) => ComponentChildren;
}

export interface TableProps<T> {
  /** what the table is, for a screen reader and as the place where its sorting is kept */
  label: string;
  rows: readonly T[];
  columns: readonly Column<T>[];
  keyOf: (row: T) => string;
  sorting?: Sorting;
  /** what stands there without rows */
  empty: ComponentChildren;
  /** the table scrolls by itself, in the height that is left */
  fills?: boolean;
}

const ROW = 31;
/** Rows above and below what can be seen, so that a step of the keyboard or the wheel finds them there. */
const OVERSCAN = 8;
/** What is drawn before the height is known. */
const FIRST = 40;

/** By label: a sorting outlives its table, so that who comes back finds it as it was. */
const sortings = new Map<string, Sorting>();

/**
 * A table of any length, of which only the rows in sight are in the document. While someone points at rows, selects
 * text or has the focus in them, the order stays as it is, though the figures change.
 */
export function Table<T>(props: TableProps<T>) {
  const { label, rows, columns, keyOf, empty, fills = false } = props;
  const [sorting, setSorting] = useState(() => sortings.get(label) ?? props.sorting);
  const scroller = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ from: 0, to: FIRST });
  const held = useHeld(scroller);
  const order = useRef<string[]>([]);

  const inOrder = useMemo(() => {
    const column = columns.find(({ id }) => id === sorting?.by);
    const wanted = column?.by && sorting ? sorted(rows, column.by, sorting.down, keyOf) : rows;
    if (!held.current || order.current.length === 0) {
      order.current = wanted.map(keyOf);
      return wanted;
    }
    const byKey = new Map(wanted.map((row) => [keyOf(row), row]));
    const kept = order.current.flatMap((key) => {
      const row = byKey.get(key);
      byKey.delete(key);
      return row === undefined ? [] : [row];
    });
    const all = [...kept, ...byKey.values()];
    order.current = all.map(keyOf);
    return all;
  }, [rows, columns, sorting, keyOf, held]);

  const follow = () => {
    const element = scroller.current;
    if (element === null) return;
    const from = Math.max(0, Math.floor(element.scrollTop / ROW) - OVERSCAN);
    const to = Math.ceil((element.scrollTop + element.clientHeight) / ROW) + OVERSCAN;
    setView((seen) => (seen.from === from && seen.to === to ? seen : { from, to }));
  };
  useLayoutEffect(follow, [rows.length]);
  useEffect(() => {
    const observer = new ResizeObserver(follow);
    if (scroller.current) observer.observe(scroller.current);
    return () => observer.disconnect();
  }, []);

  const sortBy = (column: Column<T>) => {
    const down = sorting?.by === column.id ? !sorting.down : column.figure === true;
    const next = { by: column.id, down };
    sortings.set(label, next);
    order.current = [];
    setSorting(next);
    scroller.current?.scrollTo({ top: 0 });
  };

  const from = Math.min(view.from, Math.max(0, inOrder.length - 1));
  const shown = inOrder.slice(from, view.to);
  return (
    <div class={fills ? 'table fills' : 'table'}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: who has no mouse scrolls it with the arrow keys */}
      <div class="scroll" ref={scroller} onScroll={follow} tabIndex={0} role="region" aria-label={label}>
        <table aria-rowcount={inOrder.length + 1} aria-label={label}>
          <thead>
            <tr aria-rowindex={1}>
              {columns.map((column) => (
                <th
                  key={column.id}
                  scope="col"
                  class={classOf(column)}
                  style={column.width && { width: column.width }}
                  title={column.meaning}
                  aria-sort={sorting?.by === column.id ? (sorting.down ? 'descending' : 'ascending') : undefined}
                >
                  {column.by ? (
                    <button type="button" onClick={() => sortBy(column)}>
                      {column.label}
                    </button>
                  ) : (
                    column.label
                  )}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {from > 0 && <Gap rows={from} columns={columns.length} />}
            {shown.map((row, i) => (
              <tr key={keyOf(row)} aria-rowindex={from + i + 2}>
                {columns.map((column) => (
                  <td key={column.id} class={classOf(column)}>
                    {column.cell(row)}
                  </td>
                ))}
              </tr>
            ))}
            {inOrder.length > view.to && <Gap rows={inOrder.length - view.to} columns={columns.length} />}
          </tbody>
        </table>
        {inOrder.length === 0 && <div class="empty">{empty}</div>}
      </div>
    </div>
  );
}

/** Room for the rows that are not there. */
function Gap({ rows, columns }: { rows: number; columns: number }) {
  return (
    <tr class="gap" aria-hidden="true" style={{ height: `${rows * ROW}px` }}>
      <td colSpan={columns} />
    </tr>
  );
}

function classOf<T>({ figure, spare }: Column<T>): string {
  return [figure ? 'figure' : 'name', spare ? `spare-${spare}` : ''].join(' ').trim();
}

/** Whether someone is busy with the rows: a reference, for that alone draws nothing anew. */
function useHeld(scroller: { current: HTMLDivElement | null }): { readonly current: boolean } {
  const pointed = useRef(false);
  useEffect(() => {
    const body = scroller.current?.querySelector('tbody');
    const enter = () => {
      pointed.current = true;
    };
    const leave = () => {
      pointed.current = false;
    };
    body?.addEventListener('pointerenter', enter);
    body?.addEventListener('pointerleave', leave);
    return () => {
      body?.removeEventListener('pointerenter', enter);
      body?.removeEventListener('pointerleave', leave);
    };
  }, []);
  return useMemo(
    () => ({
      get current(): boolean {
        const body = scroller.current?.querySelector('tbody');
        if (!body) return false;
        const selection = getSelection();
        const selects = selection !== null && !selection.isCollapsed && body.contains(selection.anchorNode);
        return pointed.current || selects || body.contains(document.activeElement);
      },
    }),
    [],
  );
}

/** How many are shown of how many. */
export function Tally({ shown, all, what }: { shown: number; all: number; what: string }) {
  return (
    <span class="tally">
      {shown === all ? count(all) : `${count(shown)} of ${count(all)}`} {what}
    </span>
  );
}
