/** Figures as people read them: three digits, and a unit that is never left to guess. */

const GROUPED = new Intl.NumberFormat('en');

/** What stands where there is no figure: nothing was measured, which is not zero. */
export const NONE = '–';

export function count(value: number): string {
  return GROUPED.format(value);
}

/** A count in few characters: 1,234 is `1.23k`. */
export function short(value: number): string {
  if (value < 1000) return String(Math.round(value));
  for (const [unit, size] of [
    ['k', 1e3],
    ['M', 1e6],
    ['G', 1e9],
  ] as const) {
    if (value < size * 999.5) return digits(value / size) + unit;
  }
  return `${digits(value / 1e12)}T`;
}

/** Of messages a second, without the unit. */
export function rate(perSecond: number): string {
  if (perSecond === 0) return '0';
  if (perSecond < 0.01) return '<0.01';
  if (perSecond < 9.95) return perSecond.toFixed(perSecond < 0.095 ? 2 : 1);
  return short(perSecond);
}

export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return NONE;
  if (seconds === 0) return '0 s';
  if (seconds < 0.9995e-3) return `${digits(seconds * 1e6)} µs`;
  if (seconds < 0.9995) return `${digits(seconds * 1e3)} ms`;
  if (seconds < 119.95) return `${digits(seconds)} s`;
  return span(seconds);
}

/** Of minutes and more, in its two largest units. */
export function span(seconds: number): string {
  const s = Math.floor(seconds);
  const [d, h, m] = [Math.floor(s / 86400), Math.floor(s / 3600) % 24, Math.floor(s / 60) % 60];
  if (d > 0) return `${d} d ${h} h`;
  if (h > 0) return `${h} h ${m} min`;
  return m > 0 ? `${m} min ${s % 60} s` : `${s} s`;
}

/** Of a share from 0 to 1. A share that is not zero never looks like zero, nor one below 1 like all. */
export function percent(share: number | null | undefined): string {
  if (share === null || share === undefined) return NONE;
  const value = share * 100;
  if (value === 0) return '0 %';
  if (value < 0.01) return '<0.01 %';
  if (value > 99.99 && value < 100) return '>99.99 %';
  return `${digits(value)} %`;
}

export function bytes(value: number): string {
  if (value < 1024) return `${value} B`;
  if (value < 1024 ** 2) return `${digits(value / 1024)} KiB`;
  if (value < 1024 ** 3) return `${digits(value / 1024 ** 2)} MiB`;
  return `${digits(value / 1024 ** 3)} GiB`;
}

/** Time of day to the millisecond, as the reader's clock has it. */
export function clock(milliseconds: number, fraction = true): string {
  const at = new Date(milliseconds);
  const pad = (value: number, length = 2): string => String(value).padStart(length, '0');
  const time = `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
  return fraction ? `${time}.${pad(at.getMilliseconds(), 3)}` : time;
}

/** The full moment, for those who compare it with a log. */
export function moment(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}

/** Control and formatting characters made visible: a name must not turn round what stands beside it. */
export function name(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (c) => `<U+${(c.codePointAt(0) as number).toString(16).toUpperCase().padStart(4, '0')}>`,
  );
}

/** Three digits that count. */
function digits(value: number): string {
  if (value >= 99.95) return String(Math.round(value));
  return String(Number(value.toPrecision(3)));
}
