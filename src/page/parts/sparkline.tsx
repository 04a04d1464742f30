import { memo } from './memo.ts';

const WIDTH = 120;
const HEIGHT = 22;
/** Of less than so many points the line is not drawn over the whole width: it has just begun. */
const LEAST_POINTS = 30;

/** A line without axes: how it went, not how much it was. Gaps in the values are gaps in the line. */
export const Sparkline = memo(function Sparkline({
  values,
  label,
}: {
  values: readonly (number | null)[];
  label: string;
}) {
  const most = Math.max(...values.map((value) => value ?? 0));
  const points = Math.max(LEAST_POINTS, values.length);
  const x = (i: number) => ((i + points - values.length) / (points - 1)) * WIDTH;
  const y = (value: number) => HEIGHT - 1.5 - (most === 0 ? 0 : (value / most) * (HEIGHT - 4));
  let line = '';
  let area = '';
  let start = -1;
  for (const [i, value] of [...values, null].entries()) {
    if (value === null) {
      if (start >= 0) area += `L${x(i - 1).toFixed(1)} ${HEIGHT}L${x(start).toFixed(1)} ${HEIGHT}Z`;
      start = -1;
      continue;
    }
    const step = `${start < 0 ? 'M' : 'L'}${x(i).toFixed(1)} ${y(value).toFixed(1)}`;
    if (start < 0) start = i;
    line += step;
    area += step;
  }
  return (
    <svg class="spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={label}>
      <path class="area" d={area} />
      <path class="line" d={line} />
    </svg>
  );
});
