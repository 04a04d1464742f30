import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Sorting } from './sorting.ts';

export interface Column<T> {
  id: string;
  label: string;
  /** what the figure is, for who wonders */
  meaning?: string;
  /** figures stand at the end of their cell, one below the other */
  figure?: boolean;
  /** of the table; names share what is left */
  width?: string;
  /** what narrow windows (2) and phones (1 too) leave out */
  spare?: 1 | 2;
  /** by what the column sorts; without, it does not */
  by?: (row: T) => number | string | null;
  cell: (row: T) => ComponentChildren;
}

/** Rows of which any part can be asked for: undefined is one that is not here yet. */
export interface Rows<T> {
  total: number;
  at(index: number): T | undefined;
}

export interface TableProps<T> {
  /** what the table is, for a screen reader */
  label: string;
  rows: Rows<T>;
  columns: readonly Column<T>[];
  keyOf: (row: T) => string;
  sorting: Sorting | undefined;
  onSort: (sorting: Sorting) => void;
  /** which rows are in sight, when that changes */
  onView?: (from: number, to: number) => void;
  isCurrent?: (row: T) => boolean;
  /** what stands there without rows */
  empty: ComponentChildren;
  /** the table takes the height that is left; others are as high as their rows, up to a limit */
  fills?: boolean;
}

/** As the style sheet has it. */
const ROW = 30;
/** Rows above and below what can be seen, so that a step of the keyboard or the wheel finds them there. */
const OVERSCAN = 8;
/** What is drawn before the height is known. */
const FIRST = 40;

/** A table of any length, of which only the rows in sight are in the document. */
export function Table<T>(props: TableProps<T>) {
  const { label, rows, columns, keyOf, sorting, onSort, onView, isCurrent, empty, fills = false } = props;
  const scroller = useRef<HTMLElement>(null);
  const [view, setView] = useState({ from: 0, to: FIRST });

  const follow = () => {
    const element = scroller.current;
    if (element === null) return;
    const from = Math.max(0, Math.floor(element.scrollTop / ROW) - OVERSCAN);
    const to = Math.ceil((element.scrollTop + element.clientHeight) / ROW) + OVERSCAN;
    setView((seen) => (seen.from === from && seen.to === to ? seen : { from, to }));
  };
  useLayoutEffect(follow, [rows.total]);
  useEffect(() => {
    const observer = new ResizeObserver(follow);
    if (scroller.current) observer.observe(scroller.current);
    return () => observer.disconnect();
  }, []);

  const to = Math.min(rows.total, view.to);
  const from = Math.min(view.from, to);
  useEffect(() => onView?.(from, to), [from, to]);

  const sortBy = ({ id, figure = false }: Column<T>) => {
    onSort({ by: id, down: sorting?.by === id ? !sorting.down : figure });
    scroller.current?.scrollTo({ top: 0 });
  };
  const shown = Array.from({ length: to - from }, (_, i) => ({ index: from + i, row: rows.at(from + i) }));
  return (
    <section
      class={fills ? 'scroll fills' : 'scroll'}
      ref={scroller}
      onScroll={follow}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: who has no mouse scrolls it with the arrow keys
      tabIndex={0}
      aria-label={label}
    >
      <table aria-rowcount={rows.total + 1} aria-label={label}>
        <thead>
          <tr aria-rowindex={1}>
            {columns.map((column) => (
              <Head key={column.id} column={column} sorting={sorting} onSort={() => sortBy(column)} />
            ))}
          </tr>
        </thead>
        <tbody>
          <Gap key="above" rows={from} />
          {shown.map(({ index, row }) => (
            <tr
              key={row === undefined ? `row ${index}` : keyOf(row)}
              aria-rowindex={index + 2}
              class={row !== undefined && isCurrent?.(row) ? 'current' : undefined}
            >
              {columns.map((column) => (
                <td key={column.id} class={classOf(column)}>
                  {row === undefined ? '…' : column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
          <Gap key="below" rows={rows.total - to} />
        </tbody>
      </table>
      {rows.total === 0 && <div class="empty">{empty}</div>}
    </section>
  );
}

interface HeadProps<T> {
  column: Column<T>;
  sorting: Sorting | undefined;
  onSort: () => void;
}

function Head<T>({ column, sorting, onSort }: HeadProps<T>) {
  const { label, meaning, width, by } = column;
  const direction = sorting?.by !== column.id ? undefined : sorting.down ? 'descending' : 'ascending';
  return (
    <th scope="col" class={classOf(column)} style={width && { width }} title={meaning} aria-sort={direction}>
      {by ? (
        <button type="button" onClick={onSort}>
          {label}
        </button>
      ) : (
        label
      )}
    </th>
  );
}

/** Room for the rows that are not there. One cell: columns that are left out would come back by a span. */
function Gap({ rows }: { rows: number }) {
  if (rows <= 0) return null;
  return (
    <tr class="gap" style={{ height: `${rows * ROW}px` }}>
      <td />
    </tr>
  );
}

function classOf<T>({ figure, spare }: Column<T>): string {
  return `${figure ? 'figure' : 'name'}${spare ? ` spare-${spare}` : ''}`;
}
