import { clean, cut, padded, type Style, styled, widthOf } from './text.ts';

export interface Column<Row> {
  title: string;
  of(row: Row): string;
  style?(row: Row): Style | undefined;
  /** numbers */
  right?: boolean;
  /** names: cut where there is too little room, down to this */
  least?: number;
  /** where there is still too little room, the one with the greatest goes first; without it stays */
  drop?: number;
}

const GAP = 2;

/** Lines of a table with its titles, no wider than `width`. */
export function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[], width: number): string[] {
  const cells = rows.map((row) => columns.map((column) => clean(column.of(row))));
  const fit = fitted(columns, cells, width);
  const line = (texts: string[], style: (at: number) => Style | undefined): string =>
    fit
      .map(({ at, width }) => styled(style(at), padded(cut(texts[at], width), width, columns[at].right)))
      .join(' '.repeat(GAP))
      .trimEnd();
  const head = columns.map(({ title }) => title);
  return [
    line(head, () => 'dim'),
    ...cells.map((texts, index) => line(texts, (at) => columns[at].style?.(rows[index]))),
  ];
}

function fitted<Row>(
  columns: readonly Column<Row>[],
  cells: string[][],
  width: number,
): { at: number; width: number }[] {
  let fit = columns.map(({ title }, at) => ({
    at,
    width: Math.max(widthOf(title), ...cells.map((texts) => widthOf(texts[at]))),
  }));
  const excess = (): number => fit.reduce((sum, each) => sum + each.width + GAP, -GAP) - width;
  while (excess() > 0) {
    const cuttable = fit.filter((each) => each.width > (columns[each.at].least ?? Number.POSITIVE_INFINITY));
    const widest = cuttable.sort((a, b) => b.width - a.width)[0];
    if (widest !== undefined) {
      const next = cuttable[1]?.width ?? 0;
      const least = columns[widest.at].least as number;
      // down to the next widest, so that all of them become narrower alike
      widest.width = Math.max(least, widest.width - Math.max(1, Math.min(excess(), widest.width - next)));
      continue;
    }
    const spare = fit.filter(({ at }) => columns[at].drop !== undefined);
    if (spare.length === 0) break;
    const victim = spare.sort((a, b) => (columns[b.at].drop as number) - (columns[a.at].drop as number))[0];
    fit = fit.filter((each) => each !== victim);
    // what was cut for it has room again
    for (const each of fit)
      each.width = Math.max(widthOf(columns[each.at].title), ...cells.map((texts) => widthOf(texts[each.at])));
  }
  return fit;
}
