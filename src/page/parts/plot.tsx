import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { clock } from '../format.ts';
import { colour, useScheme } from './scheme.ts';

export interface PlotProps {
  /** what is drawn, in words */
  label: string;
  height: number;
  /** seconds since the epoch first, then what is drawn */
  data: uPlot.AlignedData;
  /** what is not said here is said by the plot: size, colours of axes, cursor. Made anew for other colours */
  options: () => Pick<uPlot.Options, 'series' | 'scales' | 'hooks'> & { y: uPlot.Axis };
  /** the time that is pointed at, by its index in the data; null for none */
  onPoint?: (index: number | null) => void;
  /** plots of one key show the same moment */
  sync?: string;
}

const LEAST_SECONDS = 300;

/** A sidecar that has just begun has a line of minutes, not of a single point over the whole width. */
export function atLeastMinutes(_: uPlot, from: number, to: number): [number, number] {
  return [Math.min(from, to - LEAST_SECONDS), to];
}

const FONT = '11px system-ui, sans-serif';

/** A chart over time. */
export function Plot({ label, height, data, options, onPoint, sync }: PlotProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const scheme = useScheme();

  useEffect(() => {
    const element = place.current as HTMLDivElement;
    const { y, hooks, ...own } = options();
    const axis: uPlot.Axis = {
      stroke: colour('--soft'),
      font: FONT,
      grid: { stroke: colour('--line'), width: 1 },
      ticks: { show: false },
    };
    plot.current = new uPlot(
      {
        width: element.clientWidth,
        height,
        ...own,
        padding: [8, 18, 0, 0],
        axes: [
          {
            ...axis,
            size: 24,
            space: 70,
            grid: { show: false },
            values: (_, times) => times.map((t) => clock(t * 1000, false).slice(0, 5)),
          },
          { ...axis, size: 56, ...y },
        ],
        cursor: { drag: { x: false, y: false }, points: { show: false }, ...(sync && { sync: { key: sync } }) },
        legend: { show: false },
        hooks: { ...hooks, setCursor: [({ cursor }) => onPoint?.(cursor.idx ?? null)] },
      },
      data,
      element,
    );
    // the canvas says nothing to a screen reader: the label of the figure around it does
    plot.current.root.setAttribute('aria-hidden', 'true');
    const observer = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.current?.destroy();
    };
  }, [scheme, height]);

  useEffect(() => plot.current?.setData(data), [data]);
  return <div class="plot" ref={place} role="img" aria-label={label} style={{ height: `${height}px` }} />;
}
