import type { Threshold } from '@grafana/grafana-foundation-sdk/dashboard';
import type {
  GraphicComponentOption,
  GridComponentOption,
  LegendComponentOption,
  SeriesOption,
  TitleComponentOption,
  VisualMapComponentOption,
  XAXisComponentOption,
  YAXisComponentOption,
} from 'echarts';
import type { Answer, Line } from './ask.ts';
import { serviceMap } from './service-map.ts';
import { tickOf, withUnit } from './units.ts';

/** Where a panel is, in pixels. */
export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** What a panel adds to the one chart that all panels are in. */
export interface Drawing {
  title?: TitleComponentOption[];
  graphic?: GraphicComponentOption[];
  grid?: GridComponentOption[];
  xAxis?: XAXisComponentOption[];
  yAxis?: YAXisComponentOption[];
  legend?: LegendComponentOption[];
  visualMap?: VisualMapComponentOption[];
  series?: SeriesOption[];
}

const COLOURS = [
  '#7eb26d',
  '#eab839',
  '#5794f2',
  '#ef843c',
  '#e24d42',
  '#8f6bc7',
  '#1f9e9e',
  '#ba43a9',
  '#705da0',
  '#508642',
];
const TEXT = '#24292e';
const FAINT = '#6a737d';
const NAMED: Record<string, string> = { green: '#3b8a34', orange: '#e07b00', red: '#d0312d', blue: '#2f6fd0' };
const SHOWN_LINES = 8;

const DRAW: Record<string, (answer: Answer, box: Box, index: number) => Drawing> = {
  stat,
  heatmap,
  table,
  nodeGraph: serviceMap,
};

/** `index` is that of its axes, if it has some, among those of all panels. */
export function drawingOf(answer: Answer, box: Box, index: number): Drawing {
  const { type, title = '' } = answer.panel;
  const drawn = (DRAW[type] ?? lines)(answer, box, index);
  const frame: GraphicComponentOption = {
    type: 'rect',
    z: -10,
    shape: { ...box, r: 3 },
    style: { fill: '#ffffff', stroke: '#dcdfe3', lineWidth: 1 },
  };
  return { ...drawn, graphic: [frame, write(title, box.x + 8, box.y + 8, { bold: true }), ...(drawn.graphic ?? [])] };
}

interface Style {
  size?: number;
  bold?: boolean;
  colour?: string;
  align?: 'left' | 'center' | 'right';
}

function write(
  text: string,
  x: number,
  y: number,
  { size = 12, bold, colour = TEXT, align = 'left' }: Style = {},
): GraphicComponentOption {
  const font = `${bold ? '600 ' : ''}${size}px Inter, Helvetica, Arial, sans-serif`;
  return { type: 'text', x, y, style: { text, font, fill: colour, align, verticalAlign: 'top' } };
}

const steps = ({ panel }: Answer): Threshold[] => panel.fieldConfig?.defaults.thresholds?.steps ?? [];
const unitOf = ({ panel }: Answer): string | undefined => panel.fieldConfig?.defaults.unit;
export const last = ({ points }: Line): number | undefined =>
  points.findLast(([, value]) => Number.isFinite(value))?.[1];

function colourAt(answer: Answer, value: number): string {
  const step = steps(answer).findLast(({ value: from }) => from === null || value >= from);
  return NAMED[step?.color ?? 'green'];
}

function stat(answer: Answer, { x, y, width, height }: Box): Drawing {
  const value = answer.lines.map(last).find((each) => each !== undefined);
  const { noValue = 'no data' } = answer.panel.fieldConfig?.defaults ?? {};
  const { decimals } = answer.panel.fieldConfig?.defaults ?? {};
  const text = value === undefined ? noValue : withUnit(Number(value.toFixed(decimals ?? 9)), unitOf(answer));
  const colour = value === undefined ? FAINT : colourAt(answer, value);
  return {
    graphic: [write(text, x + width / 2, y + height / 2 - 8, { size: 26, bold: true, colour, align: 'center' })],
  };
}

/** Of milliseconds since the run began. */
const clock = (time: number): string => new Date(time).toISOString().slice(14, 19);

function lines(answer: Answer, box: Box, index: number): Drawing {
  const weight = ({ points }: Line) => points.reduce((sum, [, value]) => sum + (Number.isFinite(value) ? value : 0), 0);
  const kept = answer.lines.toSorted((a, b) => weight(b) - weight(a)).slice(0, SHOWN_LINES);
  const shown = answer.lines.filter((line) => kept.includes(line));
  const named = shown.map((line) => ({ ...line, name: `${line.name || 'value'}#${index}` }));
  const stacked = answer.panel.fieldConfig?.defaults.custom?.stacking?.mode === 'normal';
  const most = Math.max(
    0,
    ...named.flatMap(({ points }) => points.map(([, value]) => (Number.isFinite(value) ? value : 0))),
  );
  const unit = unitOf(answer);
  const legendRows = rowsOf(
    named.map(({ name }) => name),
    box.width,
  );
  return {
    grid: [{ left: box.x + 62, top: box.y + 32, width: box.width - 78, height: box.height - 62 - legendRows * 17 }],
    xAxis: [
      {
        type: 'time',
        gridIndex: index,
        min: answer.range[0] * 1000,
        max: answer.range[1] * 1000,
        axisLabel: { formatter: clock, fontSize: 10, color: FAINT, hideOverlap: true },
        axisLine: { lineStyle: { color: '#c4c8cc' } },
        splitNumber: Math.max(2, Math.round(box.width / 130)),
      },
    ],
    yAxis: [
      {
        type: 'value',
        gridIndex: index,
        min: 0,
        splitNumber: 4,
        ...(unit === 'bytes' ? { interval: tickOf(most) } : {}),
        axisLabel: { formatter: (value: number) => withUnit(value, unit), fontSize: 10, color: FAINT },
        splitLine: { lineStyle: { color: '#eceef0' } },
      },
    ],
    legend: [
      {
        left: box.x + 10,
        top: box.y + box.height - 8 - legendRows * 17,
        width: box.width - 20,
        itemWidth: 12,
        itemHeight: 3,
        itemGap: 10,
        icon: 'rect',
        textStyle: { fontSize: 11, color: TEXT },
        data: named.map(({ name }) => name),
        formatter: (name: string) => name.replace(/#\d+$/, ''),
      },
    ],
    series: [
      ...named.map(({ name, points }, order): SeriesOption => {
        const colour = COLOURS[order % COLOURS.length];
        return {
          name,
          type: 'line',
          xAxisIndex: index,
          yAxisIndex: index,
          showSymbol: false,
          lineStyle: { width: 1.6, color: colour },
          itemStyle: { color: colour },
          ...(stacked ? { stack: `stack${index}`, areaStyle: { color: colour, opacity: 0.45 } } : {}),
          data: points.map(([time, value]) => [time * 1000, Number.isFinite(value) ? value : null]),
          ...(order === 0 ? { markLine: limits(answer, most) } : {}),
        };
      }),
      dots(
        answer.exemplars.map(([time, value]) => [time * 1000, value]),
        index,
      ),
    ],
  };
}

/** Thresholds that the lines come near, and what happened when. */
function limits(answer: Answer, most: number) {
  const near = steps(answer).filter(({ value }) => value !== null && value <= most * 1.2);
  return {
    silent: true,
    symbol: 'none',
    label: { show: false },
    data: [
      ...near.map(({ value, color }) => ({
        yAxis: value as number,
        lineStyle: { color: NAMED[color], type: 'dashed' as const, width: 1 },
      })),
      ...answer.marks.map(({ time, colour }) => ({
        xAxis: time * 1000,
        lineStyle: { color: NAMED[colour], type: 'dotted' as const, width: 1.5 },
      })),
    ],
  };
}

function dots(data: [number, number][], index: number): SeriesOption {
  return {
    type: 'scatter',
    xAxisIndex: index,
    yAxisIndex: index,
    symbol: 'diamond',
    symbolSize: 5,
    itemStyle: { color: '#a352cc', opacity: 0.7 },
    silent: true,
    data,
  };
}

/** Rows a legend takes: some 6 pixels a character, and what is around it. */
function rowsOf(names: string[], width: number): number {
  let [rows, used] = [1, 0];
  for (const name of names) {
    const needed = (name.length - 2) * 6.2 + 30;
    if (used > 0 && used + needed > width - 20) [rows, used] = [rows + 1, 0];
    used += needed;
  }
  return names.length === 0 ? 0 : rows;
}

function heatmap(answer: Answer, box: Box, index: number): Drawing {
  const bound = ({ labels }: Line): number => Number(labels.le.replace('+Inf', 'Infinity'));
  const buckets = answer.lines.toSorted((a, b) => bound(a) - bound(b));
  const times = [...new Set(buckets.flatMap(({ points }) => points.map(([time]) => time)))].sort((a, b) => a - b);
  const at = buckets.map(({ points }) => new Map(points));
  const cells = buckets.flatMap((_, bucket) =>
    times.map((time, column): [number, number, number] => {
      const below = bucket === 0 ? 0 : (at[bucket - 1].get(time) ?? 0);
      return [column, bucket, (at[bucket].get(time) ?? 0) - below];
    }),
  );
  const filled = cells.filter(([, , count]) => count > 1e-9);
  const rows = filled.map(([, bucket]) => bucket);
  const [lowest, highest] = [Math.min(...rows), Math.max(...rows)];
  const columnOf = (time: number) => times.findLastIndex((each) => each <= time);
  const bucketOf = (value: number) => buckets.findIndex((each) => value <= bound(each));
  const exemplars = answer.exemplars
    .filter(([time]) => columnOf(time) >= 0)
    .map(([time, value]): [number, number] => [columnOf(time), bucketOf(value) - lowest]);
  return {
    grid: [{ left: box.x + 62, top: box.y + 32, width: box.width - 78, height: box.height - 62 }],
    xAxis: [
      {
        type: 'category',
        gridIndex: index,
        data: times.map((time) => clock(time * 1000)),
        axisLabel: { fontSize: 10, color: FAINT, interval: Math.ceil(times.length / 6) },
        axisTick: { show: false },
      },
    ],
    yAxis: [
      {
        type: 'category',
        gridIndex: index,
        data: buckets.slice(lowest, highest + 1).map((each) => {
          const limit = bound(each);
          return Number.isFinite(limit) ? `≤ ${withUnit(limit, 's')}` : 'more';
        }),
        axisLabel: { fontSize: 10, color: FAINT },
        axisTick: { show: false },
      },
    ],
    visualMap: [
      {
        show: false,
        min: 0,
        max: Math.max(...filled.map(([, , count]) => count)) ** 0.5,
        inRange: { color: ['#eaf2fb', '#9cc5ec', '#4a90d9', '#f2b430', '#d0312d'] },
      },
    ],
    series: [
      {
        type: 'heatmap',
        xAxisIndex: index,
        yAxisIndex: index,
        // Roots, so that rare ones can be seen beside frequent ones.
        data: filled.map(([column, bucket, count]) => [column, bucket - lowest, count ** 0.5]),
      },
      dots(exemplars, index),
    ],
  };
}

function table(answer: Answer, box: Box): Drawing {
  const [{ options: organized }] = answer.panel.transformations?.filter(({ id }) => id === 'organize') ?? [];
  const columns = Object.keys(organized.indexByName);
  const labels = columns.filter((name) => !name.startsWith('Value'));
  const names: string[] = columns.map((name) => organized.renameByName[name] ?? name);
  const rows = Map.groupBy(answer.lines, (line) => labels.map((label) => line.labels[label] ?? '').join('\u0000'));
  const shownIn = (of: Line[], query: number) => of.filter((line) => line.query === query).map(last)[0];
  const sorted = [...rows].toSorted(([, a], [, b]) => (shownIn(b, 0) ?? 0) - (shownIn(a, 0) ?? 0));
  const units = names.map((name) => unitOfColumn(answer, name));
  const texts = sorted.slice(0, Math.floor((box.height - 60) / 21)).map(([key, of]) => [
    ...key.split('\u0000'),
    ...columns.slice(labels.length).map((_, query) => {
      const value = shownIn(of, query);
      return value === undefined ? '–' : withUnit(value, units[labels.length + query]);
    }),
  ]);
  // Each column as wide as its longest text, and what is left over shared out.
  const longest = names.map((name, column) => Math.max(name.length, ...texts.map((row) => row[column].length)) + 2);
  const width = (box.width - 24) / longest.reduce((sum, each) => sum + each, 0);
  const place = (column: number) => 12 + width * longest.slice(0, column).reduce((sum, each) => sum + each, 0);
  const cell = (text: string, column: number, row: number, style: Style = {}) =>
    write(text, box.x + place(column), box.y + 36 + row * 21, { size: 11, ...style });
  return {
    graphic: [
      ...names.map((name, column) => cell(name, column, 0, { bold: true, colour: FAINT })),
      ...texts.flatMap((row, index) => row.map((text, column) => cell(text, column, index + 1))),
    ],
  };
}

function unitOfColumn({ panel }: Answer, name: string): string | undefined {
  const override = panel.fieldConfig?.overrides.find(({ matcher }) => matcher.options === name);
  return override?.properties.find(({ id }) => id === 'unit')?.value;
}
