export interface Sorting {
  /** id of a column */
  by: string;
  down: boolean;
}

/**
 * A copy in order. What has no figure comes last either way, and what is equal keeps one order, by key, whatever order
 * it came in.
 */
export function sorted<T>(
  rows: readonly T[],
  by: (row: T) => number | string | null,
  down: boolean,
  keyOf: (row: T) => string,
): T[] {
  const keyed = rows.map((row) => ({ row, value: by(row), key: keyOf(row) }));
  const sign = down ? -1 : 1;
  keyed.sort((a, b) => {
    if (a.value === null || b.value === null) {
      return Number(a.value === null) - Number(b.value === null) || compare(a.key, b.key);
    }
    return sign * compare(a.value, b.value) || compare(a.key, b.key);
  });
  return keyed.map(({ row }) => row);
}

function compare(a: number | string, b: number | string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
