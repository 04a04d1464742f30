/** A reading of what might grow. `life`: of the process that was read; a new one starts anew. */
export interface Reading {
  life: number;
  minutes: number;
  value: number;
}

export interface Slope {
  /** per minute */
  slope: number;
  /** its standard error */
  error: number;
}

/**
 * The slope that the readings of all lives have in common, each life with a level of its own: least squares. Readings one
 * behind the other resemble each other, so the error is that of as many as there would be if they did not (by the
 * correlation of neighbours).
 */
export function commonSlope(readings: readonly Reading[]): Slope {
  const lives = Map.groupBy(readings, ({ life }) => life);
  const points = [...lives.values()].flatMap((life) => {
    const [x, y] = [mean(life.map(({ minutes }) => minutes)), mean(life.map(({ value }) => value))];
    return life.map(({ minutes, value }) => ({ x: minutes - x, y: value - y }));
  });
  const xx = sum(points.map(({ x }) => x * x));
  const degrees = points.length - lives.size - 1;
  if (degrees < 1 || xx === 0) return { slope: Number.NaN, error: Number.POSITIVE_INFINITY };
  const slope = sum(points.map(({ x, y }) => x * y)) / xx;
  const rest = points.map(({ x, y }) => y - slope * x);
  const squares = sum(rest.map((each) => each * each));
  const neighbours = sum(rest.slice(1).map((each, i) => each * rest[i]));
  const correlation = squares === 0 ? 0 : Math.min(Math.max(neighbours / squares, 0), 0.99);
  const error = Math.sqrt((squares / degrees / xx) * ((1 + correlation) / (1 - correlation)));
  return { slope, error };
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const mean = (values: readonly number[]): number => sum(values) / values.length;
