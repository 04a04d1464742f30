/** Draws the dashboards' main panels as docs/dashboard-*.svg, from a run of the demo: `npm run plots`. */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import type { Prometheus } from '../testing/prometheus.ts';
import { dashboards } from './generate.ts';
import { type Answer, ask, askMarks } from './plots/ask.ts';
import { picture } from './plots/picture.ts';
import { withDemo } from './plots/run.ts';

const SECONDS = 150;
/** The rates of the first minute are of less than a minute. */
const SKIPPED_SECONDS = 30;
const STEP_SECONDS = 2;

interface Shown {
  topic: string;
  panels: string[];
}

/** Panels of each dashboard, in their order in the picture. */
export const SHOWN: Record<string, Shown> = {
  overview: {
    topic: '.*',
    panels: [
      'Published',
      'Consumed',
      'Latency, 95th percentile',
      'Worst loss rate',
      'Lost in this time range',
      'Unknown in this time range',
      'Throughput by topic and side',
      'Top topics',
      'Who talks to whom',
      'End-to-end latency',
      'End-to-end latency, distribution',
      'Loss rate by topic and side',
      'Lost by reason',
      'Redelivered and requeued',
    ],
  },
  topic: {
    topic: 'orders',
    panels: [
      'Published',
      'Consumed',
      'Latency, 95th percentile',
      'Failed',
      'Unsettled deliveries',
      'Worst loss rate of a sidecar',
      'From publish to settlement, mean',
      'End-to-end latency',
      'Confirm',
      'Processing by queue, 95th percentile',
      'Unsettled deliveries by queue',
      'Rejected, requeued, redelivered',
      'Lost and unknown by reason',
      'Service map',
      'Publishers and consumers',
    ],
  },
  sidecars: {
    topic: '.*',
    panels: [
      'Sidecars',
      'Without a broker',
      'In bypass',
      'Connections',
      'Added latency, 99th percentile',
      'Spans dropped',
      'Added latency by direction',
      'CPU, busiest sidecars',
      'Memory, largest sidecars',
      'Event loop, slowest sidecars',
      'Connections and channels',
      'Blocked by the broker',
      'Telemetry dropped',
      'Limits that bit',
      'Bytes passed on',
      'Faults in force',
      'Faults injected',
    ],
  },
};

async function answers(prometheus: Prometheus, name: string, { topic, panels }: Shown): Promise<Answer[]> {
  const end = Math.floor(Date.now() / 1000);
  const choice = {
    zero: end - SECONDS,
    start: end - SECONDS + SKIPPED_SECONDS,
    end,
    step: STEP_SECONDS,
    variables: { pipeline: '.*', instance: '.*', topic },
  };
  const all = (dashboards[name].panels ?? []).filter(({ type }) => type !== 'row') as Panel[];
  const annotations = dashboards[name].annotations?.list ?? [];
  const marks = await Promise.all(annotations.map((each) => askMarks(prometheus, each, choice)));
  return Promise.all(
    panels.map(async (title) => {
      const panel = all.find((each) => each.title === title);
      if (panel === undefined) throw new Error(`${name} has no panel "${title}"`);
      return { ...(await ask(prometheus, panel, choice)), marks: marks.flat() };
    }),
  );
}

function draw(name: string, of: Answer[]): void {
  const { title = '' } = dashboards[name];
  const { topic } = SHOWN[name];
  const svg = picture(
    `${title}${topic === '.*' ? '' : `: ${topic}`}`,
    'two minutes of the demo; dotted line: a reload, and the fault it brings; diamonds: traced messages',
    of,
  );
  writeFileSync(fileURLToPath(new URL(`../docs/dashboard-${name}.svg`, import.meta.url)), svg);
}

if (import.meta.main)
  await withDemo(SECONDS, async (prometheus) => {
    for (const [name, shown] of Object.entries(SHOWN)) {
      const of = await answers(prometheus, name, shown);
      draw(name, of);
    }
  });
