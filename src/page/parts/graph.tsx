// biome-ignore-all lint/a11y/useSemanticElements: a drawing has no elements that are buttons or groups by themselves
import { useMemo } from 'preact/hooks';
import type { TopologyEdge, TopologyNode } from '../../api.ts';
import { name, rate, short } from '../format.ts';
import { drawLayered, type Point } from './layered.ts';

const SPACING = { boxHeight: 34, gap: 126, rowGap: 26 };
const MARGIN = 14;
/** What does not fit is drawn smaller, as long as it can be read; then it scrolls. */
const SMALLEST = 0.7;
/** Of the font in the style sheet, on average. */
const LETTER = 6.7;
const MOST_LETTERS = 26;

export interface GraphProps {
  nodes: readonly TopologyNode[];
  edges: readonly TopologyEdge[];
  /** a node that was chosen: what it has no part in steps back */
  chosen: string | undefined;
  onChoose: (id: string | undefined) => void;
}

/** Apps, exchanges and queues from left to right, as messages go. What it says stands in the table below it too. */
export function Graph({ nodes, edges, chosen, onChoose }: GraphProps) {
  // figures change all the time, who talks to whom rarely
  const shape = JSON.stringify([nodes.map(({ id }) => id), edges.map(({ source, target }) => [source, target])]);
  const drawing = useMemo(() => {
    const boxes = nodes.map((node) => ({ id: node.id, width: 34 + LETTER * labelOf(node).length }));
    return drawLayered({ nodes: boxes, edges: edges.map(({ source, target }) => ({ source, target })) }, SPACING);
  }, [shape]);
  const near = new Set(
    chosen === undefined
      ? []
      : edges
          .filter(({ source, target }) => source === chosen || target === chosen)
          .flatMap(({ source, target }) => [source, target]),
  );
  const aside = (...ids: string[]) => chosen !== undefined && !ids.includes(chosen);
  const [width, height] = [drawing.width + 2 * MARGIN, drawing.height + 2 * MARGIN];
  return (
    <section
      class="graph"
      aria-label="Map, drawn"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: who has no mouse scrolls it with the arrow keys
      tabIndex={0}
    >
      <svg
        style={{ width: `${width}px`, minWidth: `${width * SMALLEST}px` }}
        viewBox={`${-MARGIN} ${-MARGIN} ${width} ${height}`}
        role="group"
        aria-label="Who talks to whom; the table below says the same"
      >
        <defs>
          <marker
            id="tip"
            viewBox="0 0 8 8"
            refX="7"
            refY="4"
            markerUnits="userSpaceOnUse"
            markerWidth="11"
            markerHeight="11"
            orient="auto"
          >
            <path d="M0 0.8 8 4 0 7.2z" />
          </marker>
        </defs>
        {edges.map((edge, i) => (
          <Edge key={edge.id} edge={edge} line={drawing.lines[i]} aside={aside(edge.source, edge.target)} />
        ))}
        {nodes.map((node) => {
          const { x, y } = drawing.boxes.get(node.id) as Point;
          const label = labelOf(node);
          const is = chosen === node.id;
          return (
            <g
              key={node.id}
              class={`node ${node.kind}${is ? ' chosen' : ''}${aside(node.id) && !near.has(node.id) ? ' aside' : ''}`}
              transform={`translate(${x} ${y})`}
              role="button"
              tabIndex={0}
              aria-pressed={is}
              onClick={() => onChoose(is ? undefined : node.id)}
              onKeyDown={(event) => {
                if (event.key !== 'Enter' && event.key !== ' ') return;
                event.preventDefault();
                onChoose(is ? undefined : node.id);
              }}
            >
              <title>{`${node.kind} ${fullName(node)}${node.vhost === '' ? '' : ` in vhost ${name(node.vhost)}`}`}</title>
              <rect
                width={34 + LETTER * label.length}
                height={SPACING.boxHeight}
                rx={node.kind === 'app' ? 17 : node.kind === 'queue' ? 3 : 8}
              />
              <text class="kind" x="12" y="13">
                {node.kind}
              </text>
              <text x="12" y="27">
                {label}
              </text>
            </g>
          );
        })}
      </svg>
    </section>
  );
}

function Edge({ edge, line, aside }: { edge: TopologyEdge; line: Point[]; aside: boolean }) {
  if (line.length === 0) return null;
  // between the layers in the middle of its way, where edges of one box have parted already
  const at = Math.floor((line.length / 2 - 1) / 2) * 2;
  const [a, b] = [line[at], line[at + 1]];
  const middle = { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
  const { kind, rate: perSecond, lost } = edge;
  const width = perSecond === 0 ? 1 : Math.min(6, 1.5 + Math.log10(1 + perSecond));
  return (
    <g class={`edge ${kind}${lost > 0 ? ' lossy' : ''}${perSecond === 0 ? ' idle' : ''}${aside ? ' aside' : ''}`}>
      <path d={curve(line)} stroke-width={width} marker-end="url(#tip)" />
      <text x={middle.x} y={middle.y - 5}>
        {rate(perSecond)}/s{lost > 0 && <tspan class="lost">{`, ${short(lost)} lost`}</tspan>}
      </text>
    </g>
  );
}

/** Leaves and arrives level, whatever lies between. */
function curve(line: readonly Point[]): string {
  return line
    .map(({ x, y }, i) => {
      if (i === 0) return `M${x} ${y}`;
      const before = line[i - 1];
      const half = (x - before.x) / 2;
      return y === before.y && half >= 0 ? `H${x}` : `C${before.x + half} ${before.y} ${x - half} ${y} ${x} ${y}`;
    })
    .join('');
}

export function fullName(node: TopologyNode): string {
  return name(node.name) || (node.kind === 'exchange' ? '(default)' : '(no name)');
}

function labelOf(node: TopologyNode): string {
  const full = fullName(node);
  return full.length > MOST_LETTERS ? `${full.slice(0, MOST_LETTERS - 1)}…` : full;
}
