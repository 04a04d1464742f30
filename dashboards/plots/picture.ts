import * as echarts from 'echarts';
import type { Answer } from './ask.ts';
import { type Box, type Drawing, drawingOf } from './panels.ts';

const WIDTH = 1200;
const COLUMN = WIDTH / 24;
const ROW = 27;
const GAP = 4;
const HEAD = 44;

/** The panels as one picture, placed one after the other in 24 columns as Grafana places them. */
export function picture(title: string, subtitle: string, answers: Answer[]): string {
  const { boxes, height } = placed(answers);
  const drawings: Drawing[] = [];
  let grids = 0;
  for (const [index, answer] of answers.entries()) {
    const drawing = drawingOf(answer, boxes[index], grids);
    grids += drawing.grid?.length ?? 0;
    drawings.push(drawing);
  }
  const all = <Key extends keyof Drawing>(key: Key): NonNullable<Drawing[Key]> =>
    drawings.flatMap((drawing): unknown[] => drawing[key] ?? []) as NonNullable<Drawing[Key]>;
  const series = all('series');
  const heatmaps = [...series.keys()].filter((each) => series[each].type === 'heatmap');
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height });
  chart.setOption({
    animation: false,
    backgroundColor: '#f0f1f3',
    textStyle: { fontFamily: 'Inter, Helvetica, Arial, sans-serif' },
    title: [
      { text: title, left: 10, top: 8, textStyle: { fontSize: 17, color: '#24292e' } },
      { text: subtitle, right: 10, top: 12, textStyle: { fontSize: 12, fontWeight: 'normal', color: '#6a737d' } },
      ...all('title'),
    ],
    graphic: all('graphic'),
    grid: all('grid'),
    xAxis: all('xAxis'),
    yAxis: all('yAxis'),
    legend: all('legend'),
    visualMap: all('visualMap').map((each, order) => ({ ...each, seriesIndex: heatmaps[order] })),
    series,
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  // What would happen under a mouse; a picture in a page has none.
  const still = svg.replace(/<style[^>]*>.*?<\/style>\n?/s, '').replace(/ class="[^"]*"/g, '');
  return `${still.replace('>', `>\n<title>${title}</title>`)}\n`;
}

function placed(answers: Answer[]): { boxes: Box[]; height: number } {
  let [x, y, tallest] = [0, 0, 0];
  const boxes = answers.map(({ panel }): Box => {
    const { w, h } = panel.gridPos ?? { w: 12, h: 8 };
    if (x + w > 24) [x, y, tallest] = [0, y + tallest, 0];
    const box = { x: x * COLUMN + GAP, y: HEAD + y * ROW, width: w * COLUMN - 2 * GAP, height: h * ROW - 2 * GAP };
    x += w;
    tallest = Math.max(tallest, h);
    return box;
  });
  return { boxes, height: HEAD + (y + tallest) * ROW };
}
