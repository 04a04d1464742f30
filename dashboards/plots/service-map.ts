import type { Answer, Line } from './ask.ts';
import { type Box, type Drawing, last } from './panels.ts';
import { withUnit } from './units.ts';

const COLOURS: Record<string, string> = { app: '#5794f2', exchange: '#ef843c', queue: '#7eb26d' };
const PADDING = { left: 90, right: 90, top: 52, bottom: 30 };

interface Place {
  id: string;
  kind: string;
  column: number;
}

/** Apps that publish on the left, those that consume on the right: an app may be on both sides. */
export function serviceMap({ lines }: Answer, { x, y, width, height }: Box): Drawing {
  const nodes = new Map(lines.filter(({ query }) => query === 0).map(({ labels }) => [labels.id, labels]));
  const edges = lines.filter((line) => line.query === 1 && (last(line) ?? 0) > 0);
  const ends = edges.map(({ labels: { source, target } }) => [placeOf(source, 0), placeOf(target, 3)]);
  // Queues by who consumes from them, so that fewer arrows cross.
  const sorted = ends.toSorted(([, a], [, b]) => b.column - a.column || (a.id < b.id ? -1 : 1));
  const places = new Map(sorted.flat().map((place) => [keyOf(place), place]));
  const columns = Map.groupBy([...places.values()], ({ column }) => column);
  const [across, down] = [width - PADDING.left - PADDING.right, height - PADDING.top - PADDING.bottom];
  const data = [...columns].flatMap(([column, members]) =>
    members.map((place, row) => ({
      name: keyOf(place),
      x: PADDING.left + (across * column) / 3,
      y: PADDING.top + (down * (row + 0.5)) / members.length,
      symbolSize: 22,
      itemStyle: { color: '#ffffff', borderColor: COLOURS[place.kind], borderWidth: 4 },
      label: { show: true, position: 'bottom' as const, formatter: nodes.get(place.id)?.title ?? place.id },
    })),
  );
  // They make the series as large as its box, so that places are pixels.
  const corner = { symbolSize: 0, label: { show: false } };
  const corners = [
    { ...corner, name: 'top left', x: 0, y: 0 },
    { ...corner, name: 'bottom right', x: width, y: height },
  ];
  const heights = new Map(data.map((node) => [node.name, node.y]));
  const links = edges.map((edge, index) => {
    const [source, target] = ends[index];
    const rises = (heights.get(keyOf(target)) ?? 0) < (heights.get(keyOf(source)) ?? 0);
    // Around the exchanges that are between an app and a queue.
    const curveness = target.column - source.column === 1 ? 0 : rises ? 0.12 : -0.12;
    return {
      source: keyOf(source),
      target: keyOf(target),
      label: { show: true, formatter: rateOf(edge) },
      lineStyle: { curveness },
    };
  });
  return {
    series: [
      {
        type: 'graph',
        layout: 'none',
        silent: true,
        left: x,
        top: y,
        width,
        height,
        data: [...data, ...corners],
        links,
        edgeSymbol: ['none', 'arrow'],
        edgeSymbolSize: 7,
        lineStyle: { color: '#9aa0a6', width: 1.2, opacity: 1 },
        label: { fontSize: 11, color: '#24292e' },
        edgeLabel: { fontSize: 11, color: '#24292e', backgroundColor: '#ffffff', padding: [1, 3] },
      },
    ],
  };
}

const rateOf = (edge: Line): string => withUnit(last(edge) ?? 0, 'mps');
const keyOf = ({ id, column }: Place): string => `${column} ${id}`;

/** An app is in the column it is given: publishers first, consumers last. */
function placeOf(id: string, column: number): Place {
  const kind = id.slice(0, id.indexOf(':'));
  return { id, kind, column: kind === 'exchange' ? 1 : kind === 'queue' ? 2 : column };
}
