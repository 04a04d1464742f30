import { useMemo } from 'preact/hooks';
import type { TopicDetail } from '../../api.ts';
import { useAsk } from '../data/ask.ts';
import { useWish } from '../data/live.ts';
import { whole } from '../data/steps.ts';
import { bytes, count, duration, name, rate } from '../format.ts';
import { Heatmap } from '../parts/heatmap.tsx';
import { Reasons } from '../parts/reasons.tsx';
import { Split } from '../parts/split.tsx';
import { Tail } from '../parts/tail.tsx';
import { TimeChart } from '../parts/time-chart.tsx';
import { TraceList } from '../parts/trace-list.tsx';
import { Bad, Count, Duration, Figure, Loss, Panel, Rate, Trouble } from '../parts/words.tsx';
import type { ViewProps } from '../route.ts';
import { href } from '../route.ts';

const EVERY_MS = 4_000;
const SYNC = 'topic';

export function TopicView({ route }: ViewProps) {
  const topic = route.query.get('topic') ?? '';
  const asked = route.query.get('pipeline') ?? undefined;
  const { answer, refusal } = useAsk<TopicDetail>('topics/detail', { topic, pipeline: asked }, EVERY_MS);
  const pipeline = answer?.row.pipeline ?? asked;
  useWish({ of: 'messages', topic });
  return (
    <>
      <div class="heading">
        <h1>
          {name(topic) || '(no name)'} {pipeline !== undefined && <small>{name(pipeline)}</small>}
        </h1>
        <p class="ways">
          <a href={href(['traces'], { topic })}>Its traces</a> <a href={href(['losses'], { topic })}>Its losses</a>
        </p>
      </div>
      <Trouble refusal={refusal} />
      {answer && <Detail detail={answer} />}
    </>
  );
}

function Detail({ detail }: { detail: TopicDetail }) {
  const { row, heatmap, split } = detail;
  const line = useMemo(() => whole(detail.line, detail.at), [detail]);
  const series = useMemo(
    () => [
      { label: 'messages', values: row.line.rate, colour: '--series-1' },
      {
        label: `lost in ${line.stepMs / 1000} s`,
        values: row.line.lost,
        colour: '--bad',
        columns: true,
        own: true,
        format: count,
      },
    ],
    [row, line.stepMs],
  );
  const p95 = useMemo(() => [{ label: 'p95', values: row.line.p95, colour: '--series-2' }], [row]);
  return (
    <>
      <Figures detail={detail} />
      <div class="panels">
        <Panel title="Messages" note="a second">
          <TimeChart
            label={`Messages of ${name(row.topic)} a second, and lost ones, by time`}
            times={line}
            series={series}
            format={rate}
            sync={SYNC}
          />
        </Panel>
        <Panel title="Latency" note="publish to first delivery">
          <TimeChart
            label={`95th percentile of latency of ${name(row.topic)} by time`}
            times={line}
            series={p95}
            format={duration}
            sync={SYNC}
          />
        </Panel>
        <Panel title="Latency heatmap" note="the stronger the colour, the more messages">
          <Heatmap map={heatmap} label={`How many messages of ${name(row.topic)} took how long, by time`} sync={SYNC} />
        </Panel>
        <Panel title="Where the time goes" note="last 15 minutes">
          <Split split={split} queues={detail.queues} />
        </Panel>
        <Panel title="What went wrong" note="since start">
          <Reasons detail={detail} />
        </Panel>
        <Panel title="As they end" note="newest first">
          <Tail topic={row.topic} pipeline={row.pipeline} />
        </Panel>
        <Panel title="Slowest traces">
          <TraceList label="Slowest traces" traces={detail.slowest} />
        </Panel>
        <Panel title="Newest traces">
          <TraceList label="Newest traces" traces={detail.newest} />
        </Panel>
      </div>
    </>
  );
}

function Figures({ detail: { row, redelivered, bytes: body } }: { detail: TopicDetail }) {
  return (
    <dl class="figures">
      <Figure label="Published" meaning="messages a second over the last minute">
        <Rate value={row.published} />
      </Figure>
      <Figure label="Consumed" meaning="messages a second over the last minute">
        <Rate value={row.consumed} />
      </Figure>
      <Figure label="p50">
        <Duration seconds={row.latency.p50} />
      </Figure>
      <Figure label="p95">
        <Duration seconds={row.latency.p95} />
      </Figure>
      <Figure label="p99">
        <Duration seconds={row.latency.p99} />
      </Figure>
      <Figure label="Loss" meaning="share of the last 60 seconds, of the worse side">
        <Loss share={row.lossRate} />
      </Figure>
      <Figure label="Lost" meaning="definite losses since start">
        <Bad value={row.lost} />
      </Figure>
      <Figure label="Unknown" meaning="outcomes that nobody can know, since start">
        <Bad value={row.unknown} warn />
      </Figure>
      <Figure label="Unsettled" meaning="deliveries that await their settlement now">
        <Count value={row.unsettled} />
      </Figure>
      <Figure label="Redelivered" meaning="deliveries that were not the first, since start">
        <Bad value={redelivered} warn />
      </Figure>
      <Figure label="Bodies" meaning="published since start">
        {bytes(body.publish)}
      </Figure>
    </dl>
  );
}
