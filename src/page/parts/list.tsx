import { useMemo, useRef, useState } from 'preact/hooks';
import { isBusy } from './busy.ts';
import { type Sorting, sorted } from './sorting.ts';
import { Table, type TableProps } from './table.tsx';

export interface ListProps<T> extends Omit<TableProps<T>, 'rows' | 'sorting' | 'onSort' | 'onView'> {
  rows: readonly T[];
  sorting?: Sorting;
}

/** By label: a sorting outlives its table, so that who comes back finds it as it was. */
const sortings = new Map<string, Sorting>();

/**
 * A table of rows that are all here. Without a sorting they stand as they came. While someone selects text in them or
 * has the focus there, the order stays, though the figures change.
 */
export function List<T>({ rows, sorting: first, ...table }: ListProps<T>) {
  const { label, columns, keyOf } = table;
  const [sorting, setSorting] = useState(() => sortings.get(label) ?? first);
  const order = useRef<string[]>([]);
  const inOrder = useMemo(() => {
    const by = columns.find(({ id }) => id === sorting?.by)?.by;
    const wanted = by && sorting ? sorted(rows, by, sorting.down, keyOf) : rows;
    const all = order.current.length > 0 && isBusy(label) ? asBefore(wanted, order.current, keyOf) : wanted;
    order.current = all.map(keyOf);
    return all;
  }, [rows, columns, sorting, keyOf, label]);

  const sort = (next: Sorting) => {
    sortings.set(label, next);
    order.current = [];
    setSorting(next);
  };
  const { length } = inOrder;
  return <Table {...table} rows={{ total: length, at: (i) => inOrder[i] }} sorting={sorting} onSort={sort} />;
}

/** Those that were there in the order they had, then what is new. */
function asBefore<T>(rows: readonly T[], order: readonly string[], keyOf: (row: T) => string): T[] {
  const byKey = new Map(rows.map((row) => [keyOf(row), row]));
  const kept = order.flatMap((key) => {
    const row = byKey.get(key);
    byKey.delete(key);
    return row === undefined ? [] : [row];
  });
  return [...kept, ...byKey.values()];
}
