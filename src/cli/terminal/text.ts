import process from 'node:process';
import { stripVTControlCharacters, styleText } from 'node:util';

/** Names come from the wire: what would move the cursor or change colours is shown as a question mark. */
export function clean(text: string): string {
  return text.replace(/\p{C}|\u2028|\u2029/gu, '?');
}

export type Style = Parameters<typeof styleText>[0];

/** In colour where standard output takes it: a terminal, and no NO_COLOR. */
export function styled(style: Style | undefined, text: string): string {
  return style === undefined ? text : styleText(style, text, { stream: process.stdout });
}

/** Two columns wide in terminals: East Asian letters, emoji. */
const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;
const segments = new Intl.Segmenter();

/** Columns that it takes on a terminal. */
export function widthOf(text: string): number {
  const plain = stripVTControlCharacters(text);
  if (/^[\x20-\x7e]*$/.test(plain)) return plain.length;
  let width = 0;
  for (const { segment } of segments.segment(plain)) width += WIDE.test(segment) ? 2 : 1;
  return width;
}

/** Cut to so many columns, with a mark where something is missing. */
export function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  let kept = '';
  let used = 0;
  for (const { segment } of segments.segment(text)) {
    const next = widthOf(segment);
    if (used + next > width - 1) break;
    kept += segment;
    used += next;
  }
  return width < 1 ? '' : `${kept}…`;
}

export function padded(text: string, width: number, right = false): string {
  const space = ' '.repeat(Math.max(0, width - widthOf(text)));
  return right ? space + text : text + space;
}

/** Seconds in the unit that shows three figures. */
export function seconds(value: number | null): string {
  if (value === null) return '-';
  if (value < 0.001) return `${figures(value * 1e6)}us`;
  if (value < 1) return `${figures(value * 1000)}ms`;
  return value < 120 ? `${figures(value)}s` : `${figures(value / 60)}min`;
}

export function percent(value: number | null): string {
  if (value === null) return '-';
  return value === 0 ? '0%' : `${figures(value * 100)}%`;
}

export function rate(value: number): string {
  return value === 0 ? '0' : figures(value);
}

export const count = (value: number): string => value.toLocaleString('en');

/** A share of the day for people: 3d4h, 2h5m, 42s. */
export function age(value: number): string {
  const s = Math.floor(value);
  if (s < 60) return `${s}s`;
  if (s < 3600) return `${Math.floor(s / 60)}m${s % 60}s`;
  return s < 86_400
    ? `${Math.floor(s / 3600)}h${Math.floor((s % 3600) / 60)}m`
    : `${Math.floor(s / 86_400)}d${Math.floor((s % 86_400) / 3600)}h`;
}

/** Local time of the day with milliseconds. */
export function clock(at: number): string {
  const time = new Date(at);
  const two = (value: number): string => String(value).padStart(2, '0');
  const ms = String(time.getMilliseconds()).padStart(3, '0');
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}.${ms}`;
}

function figures(value: number): string {
  if (value >= 100) return count(Math.round(value));
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
