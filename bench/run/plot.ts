import { figures } from './report.ts';
import { type Figure, type Results, type Sample, type Spread, spread, valuesOf } from './samples.ts';

// A picture of the results as SVG: bars where paths are compared, lines where something grows.

const PANEL = { width: 440, height: 210, left: 150, right: 60, top: 34, bottom: 14 };
const COLUMNS = 2;
const COLOURS: Record<string, string> = {
  direct: '#8a8f98',
  'traced direct': '#b9bdc4',
  pipe: '#5b9bd5',
  haproxy: '#70ad47',
  'equal pipe': '#a9cbea',
  'equal haproxy': '#b4d69c',
};
const OURS = '#d1603d';

interface Panel {
  title: string;
  draw(): string;
}

/** The whole picture, or undefined if the results hold nothing that is drawn. */
export function plot({ samples }: Results): string | undefined {
  const panels = [
    ...bars(samples, 'auto-ack', 'messages a second', figures.throughput),
    ...bars(samples, 'confirm window 200, manual ack', 'messages a second', figures.throughput),
    ...bars(samples, 'auto-ack', 'CPU of the proxy, µs a message', figures.proxyCpu),
    ...bars(samples, 'confirm window 200, manual ack', 'CPU of the proxy, µs a message', figures.proxyCpu),
    ...bars(samples, '2k/s', 'latency p50, µs', figures.p50),
    ...bars(samples, '10k/s', 'latency p50, µs', figures.p50),
    ...growth(samples, 'connections', 'CPU of the proxy, µs a message, by connections'),
    ...growth(samples, 'topics', 'CPU of the proxy, µs a message, by topics'),
    ...growth(samples, 'sizes', 'CPU of the proxy, µs a message, by body size'),
  ];
  if (panels.length === 0) return undefined;
  const rows = Math.ceil(panels.length / COLUMNS);
  const [width, height] = [COLUMNS * PANEL.width, rows * PANEL.height];
  const drawn = panels.map(({ title, draw }, i) => {
    const [x, y] = [(i % COLUMNS) * PANEL.width, Math.floor(i / COLUMNS) * PANEL.height];
    return `<g transform="translate(${x} ${y})"><text x="12" y="20" font-weight="bold">${title}</text>${draw()}</g>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"`,
    '  font-family="system-ui, sans-serif" font-size="11" fill="#222">',
    '<title>Tracehare beside its peers: messages a second, CPU per message, latency</title>',
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    ...drawn,
    '</svg>',
    '',
  ].join('\n');
}

const colourOf = (path: string): string => COLOURS[path] ?? OURS;
const round = (value: number): number => Math.round(value * 10) / 10;

function bars(samples: Sample[], load: string, what: string, figure: Figure): Panel[] {
  const paths = Map.groupBy(
    samples.filter((sample) => sample.suite === 'goals' && sample.load === load),
    ({ path }) => path,
  );
  const rows = [...paths]
    .map(([path, of]) => ({ path, ...spread(valuesOf(of, figure)) }))
    .filter(({ median }) => !Number.isNaN(median));
  if (rows.length === 0) return [];
  const scale = (PANEL.width - PANEL.left - PANEL.right) / Math.max(...rows.map(({ max }) => max));
  const step = (PANEL.height - PANEL.top - PANEL.bottom) / rows.length;
  const draw = (): string =>
    rows.map((row, i) => bar(row, PANEL.top + i * step, Math.min(22, step * 0.7), scale)).join('');
  return [{ title: `${load}: ${what}`, draw }];
}

/** Median as a bar, least and most as a line across its end. */
function bar({ path, min, median, max }: Spread & { path: string }, y: number, height: number, scale: number): string {
  const x = (value: number): number => round(PANEL.left + value * scale);
  const middle = round(y + height / 2);
  const text = median >= 1000 ? Math.round(median).toLocaleString('en') : median.toPrecision(3);
  return [
    `<text x="${PANEL.left - 8}" y="${middle + 4}" text-anchor="end">${path}</text>`,
    `<rect x="${PANEL.left}" y="${round(y)}" width="${round(median * scale)}" height="${round(height)}" fill="${colourOf(path)}"/>`,
    `<path d="M${x(min)} ${middle}H${x(max)}" stroke="#222"/>`,
    `<text x="${x(max) + 5}" y="${middle + 4}">${text}</text>`,
  ].join('');
}

/** The number a load's name starts with is where it stands, on a logarithmic axis. */
function growth(samples: Sample[], suite: string, title: string): Panel[] {
  // those of equal work are as good as the same line
  const isDrawn = ({ path, result }: Sample): boolean => result.cpu.proxy !== undefined && !path.startsWith('equal');
  const of = samples.filter((sample) => sample.suite === suite && isDrawn(sample));
  if (of.length === 0) return [];
  const places = [...new Set(of.map(({ load }) => Number.parseInt(load, 10)))].sort((a, b) => a - b);
  const lines = [...Map.groupBy(of, ({ path }) => path)].map(([path, its]) => ({
    path,
    points: places.map((place) =>
      spread(
        valuesOf(
          its.filter(({ load }) => Number.parseInt(load, 10) === place),
          figures.proxyCpu,
        ),
      ),
    ),
  }));
  const most = Math.max(...lines.flatMap(({ points }) => points.map(({ median }) => median)));
  const [left, right, bottom] = [50, 120, 30];
  const span = Math.log(places.at(-1) ?? 1) - Math.log(places[0]) || 1;
  const x = (place: number): number =>
    round(left + ((Math.log(place) - Math.log(places[0])) / span) * (PANEL.width - left - right));
  const y = (value: number): number =>
    round(PANEL.height - bottom - (value / most) * (PANEL.height - PANEL.top - bottom));
  const draw = (): string =>
    [
      `<path d="M${left} ${y(0)}H${PANEL.width - right}" stroke="#999"/>`,
      ...places.map((place) => `<text x="${x(place)}" y="${y(0) + 16}" text-anchor="middle">${place}</text>`),
      ...[0.5, 1].map(
        (share) =>
          `<text x="${left - 6}" y="${y(most * share) + 4}" text-anchor="end">${(most * share).toPrecision(2)}</text>` +
          `<path d="M${left} ${y(most * share)}H${PANEL.width - right}" stroke="#ddd"/>`,
      ),
      ...lines.map(({ path, points }) =>
        line(
          path,
          points.map(({ median }, i) => [x(places[i]), y(median)]),
        ),
      ),
    ].join('');
  return [{ title, draw }];
}

function line(path: string, points: number[][]): string {
  const [lastX, lastY] = points.at(-1) as number[];
  const dots = points.map(([x, y]) => `<circle cx="${x}" cy="${y}" r="2.5" fill="${colourOf(path)}"/>`).join('');
  const way = points.map(([x, y]) => `${x} ${y}`).join('L');
  return `<path d="M${way}" fill="none" stroke="${colourOf(path)}" stroke-width="2"/>${dots}<text x="${lastX + 8}" y="${lastY + 4}" fill="${colourOf(path)}">${path}</text>`;
}
