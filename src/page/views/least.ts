const UNITS: Record<string, number> = { µs: 1e-6, us: 1e-6, ms: 1e-3, s: 1, '': 1, min: 60, m: 60 };

/** Seconds of a text such as `250 ms`, 0 of none; undefined if it is no duration. */
export function leastSeconds(text: string): number | undefined {
  if (text.trim() === '') return 0;
  const [, figure, unit] = /^\s*(\d+(?:[.,]\d+)?)\s*([µa-z]*)\s*$/i.exec(text) ?? [];
  const seconds = UNITS[unit?.toLowerCase().replace('μ', 'µ')];
  return figure === undefined || seconds === undefined ? undefined : Number(figure.replace(',', '.')) * seconds;
}
