import type { Quantiles, TopicDetail } from '../../api.ts';
import { count, duration, NONE, name } from '../format.ts';
import { Count } from './words.tsx';

/** Where a message's time goes, each part with its percentiles on one scale. */
export function Split({ split, queues }: Pick<TopicDetail, 'split' | 'queues'>) {
  const parts: { label: string; meaning: string; of: Quantiles }[] = [
    { label: 'Confirm', meaning: 'publish to the broker’s confirm', of: split.confirm },
    { label: 'Queue', meaning: 'publish to first delivery', of: split.endToEnd },
    { label: 'Processing', meaning: 'delivery to settlement', of: split.processing },
  ];
  const most = Math.max(...parts.map(({ of }) => of.p99 ?? 0));
  return (
    <>
      <table class="plain">
        <thead>
          <tr>
            <th scope="col">Part</th>
            <th scope="col" class="bar">
              <span class="key">
                <i class="p50" /> p50 <i class="p95" /> p95 <i class="p99" /> p99
              </span>
            </th>
            <th scope="col" class="figure">
              p50
            </th>
            <th scope="col" class="figure">
              p95
            </th>
            <th scope="col" class="figure">
              p99
            </th>
          </tr>
        </thead>
        <tbody>
          {parts.map(({ label, meaning, of }) => (
            <tr key={label}>
              <th scope="row" title={`${meaning}, ${count(of.count)} messages`}>
                {label}
              </th>
              <td class="bar">
                <Bars of={of} most={most} />
              </td>
              <td class="figure">{duration(of.p50)}</td>
              <td class="figure">{duration(of.p95)}</td>
              <td class="figure">{duration(of.p99)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {queues.length > 0 && (
        <table class="plain">
          <thead>
            <tr>
              <th scope="col">Queue</th>
              <th scope="col" class="figure">
                Unsettled
              </th>
              <th scope="col" class="figure">
                p50
              </th>
              <th scope="col" class="figure">
                p99
              </th>
            </tr>
          </thead>
          <tbody>
            {queues.map(({ queue, unsettled, processing }) => (
              <tr key={queue}>
                <th scope="row">{name(queue) || NONE}</th>
                <td class="figure">
                  <Count value={unsettled} />
                </td>
                <td class="figure">{duration(processing.p50)}</td>
                <td class="figure">{duration(processing.p99)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </>
  );
}

/** One in front of the other: p50 is the shortest, and on top. */
function Bars({ of, most }: { of: Quantiles; most: number }) {
  const width = (seconds: number) => ({ width: `${most === 0 ? 0 : (seconds / most) * 100}%` });
  return (
    <span class="bars" aria-hidden="true">
      {of.p99 !== null && <i class="p99" style={width(of.p99)} />}
      {of.p95 !== null && <i class="p95" style={width(of.p95)} />}
      {of.p50 !== null && <i class="p50" style={width(of.p50)} />}
    </span>
  );
}
