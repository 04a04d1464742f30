import { useEffect, useRef } from 'preact/hooks';
import type { StateAnswer } from '../../api.ts';
import { everySidecar, useLive } from '../data/live.ts';
import { useNow } from './now.ts';
import { Bad, Count, Figure, Loss, Rate } from './words.tsx';

/** Rates are of so many milliseconds: long enough not to flicker. */
const WINDOW_MS = 10_000;

interface Sample {
  at: number;
  /** of which sidecars, each with its start */
  of: string;
  published: number;
  delivered: number;
}

/** All sidecars in one line. */
export function Overview() {
  const { state } = useLive();
  const rates = useRates(state);
  if (state === undefined) return <dl class="figures" />;
  const all = everySidecar(state);
  const sum = (of: (each: (typeof all)[number]) => number) => all.reduce((total, each) => total + of(each), 0);
  const losses = all.flatMap(({ lossRates }) => lossRates.map(({ rate }) => rate));
  return (
    <dl class="figures">
      <Figure label="Published" meaning="messages a second, over the last ten seconds">
        <Rate value={rates.published} />
      </Figure>
      <Figure label="Delivered" meaning="messages a second, over the last ten seconds">
        <Rate value={rates.delivered} />
      </Figure>
      <Figure label="Worst loss" meaning="of a topic and side, over the last 60 seconds">
        <Loss share={losses.length === 0 ? null : Math.max(...losses)} />
      </Figure>
      <Figure label="Lost" meaning="definite losses since start">
        <Bad value={sum(({ lost }) => lost)} />
      </Figure>
      <Figure label="Unknown" meaning="outcomes that nobody can know, since start">
        <Bad value={sum(({ unknown }) => unknown)} warn />
      </Figure>
      <Figure label="Unsettled" meaning="deliveries that await their settlement now">
        <Count value={sum(({ unsettled }) => unsettled)} />
      </Figure>
      <Figure label="Connections" meaning="of apps, and their channels">
        <Count value={sum(({ connections }) => connections)} />
        <small> / {sum(({ channels }) => channels)} ch</small>
      </Figure>
    </dl>
  );
}

/** Messages a second, from what was counted a while ago and now. */
function useRates(state: StateAnswer | undefined): { published: number; delivered: number } {
  const now = useNow(1000);
  const samples = useRef<Sample[]>([]);
  const all = state === undefined ? [] : everySidecar(state);
  const published = all.reduce((total, { messages }) => total + messages.published, 0);
  const delivered = all.reduce((total, { messages }) => total + messages.delivered, 0);
  const of = all.map(({ id }) => id).join();
  useEffect(() => {
    if (state === undefined) return;
    // what another sidecar has counted, or one that began anew, did not happen just now
    if (samples.current.at(-1)?.of !== of) samples.current = [];
    samples.current.push({ at: now, of, published, delivered });
    while (samples.current.length > 2 && samples.current[1].at < now - WINDOW_MS) samples.current.shift();
  }, [now, published, delivered, of]);
  const first = samples.current[0];
  const seconds = first === undefined ? 0 : (now - first.at) / 1000;
  if (first === undefined || seconds <= 0 || of !== first.of) return { published: 0, delivered: 0 };
  return { published: (published - first.published) / seconds, delivered: (delivered - first.delivered) / seconds };
}
