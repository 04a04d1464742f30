import { useEffect, useRef, useState } from 'preact/hooks';
import type { MessageEnded } from '../../api.ts';
import { live } from '../data/live.ts';
import { bytes, clock, count, moment, NONE, name } from '../format.ts';
import { href } from '../route.ts';
import { isBusy } from './busy.ts';
import { List } from './list.tsx';
import type { Column } from './table.tsx';
import { Duration, Outcome } from './words.tsx';

const KEPT = 100;
/** Many may end in a moment: they are shown together. */
const DRAW_MS = 500;

type Numbered = MessageEnded & { number: number };

const COLUMNS: readonly Column<Numbered>[] = [
  { id: 'time', label: 'Ended', width: '8rem', cell: Ended },
  {
    id: 'outcome',
    label: 'Outcome',
    width: '9.5rem',
    cell: ({ outcome, reason }) => <Outcome outcome={outcome} reason={reason} />,
  },
  { id: 'where', label: 'Message', cell: Where },
  {
    id: 'size',
    label: 'Body',
    figure: true,
    width: '5rem',
    spare: 2,
    cell: ({ bodySize }) => (bodySize === null ? NONE : bytes(bodySize)),
  },
  {
    id: 'duration',
    label: 'Took',
    figure: true,
    width: '6rem',
    meaning: 'until the broker answered, or the settlement',
    cell: ({ duration }) => <Duration seconds={duration} />,
  },
];

const LABEL = 'Messages as they end';

/** Messages of a topic as they end, the newest on top; they stand still while someone points at them or selects text. */
export function Tail({ topic, pipeline }: { topic: string; pipeline: string }) {
  const [messages, setMessages] = useState<Numbered[]>([]);
  const [skipped, setSkipped] = useState(0);
  const [held, setHeld] = useState(false);
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    let number = 0;
    let waiting: Numbered[] = [];
    const timer = setInterval(() => {
      const hold = isBusy(LABEL) || place.current?.matches(':hover') === true;
      setHeld(hold);
      if (hold || waiting.length === 0) return;
      const come = waiting;
      waiting = [];
      // several sidecars tell each in its own order
      setMessages((before) => [...come, ...before].sort((a, b) => b.endedAt - a.endedAt).slice(0, KEPT));
    }, DRAW_MS);
    const off = [
      live.on('messages', (message) => {
        if (message.topic === topic && message.pipeline === pipeline) waiting.push({ ...message, number: number++ });
        if (waiting.length > KEPT) waiting.shift();
      }),
      live.on('skipped', ({ count }) => setSkipped((before) => before + count)),
    ];
    return () => {
      clearInterval(timer);
      for (const each of off) each();
    };
  }, [topic, pipeline]);
  return (
    <div ref={place}>
      <List
        label={LABEL}
        rows={messages}
        columns={COLUMNS}
        keyOf={({ number }) => String(number)}
        empty="None since this page is open."
      />
      <p class="tally">
        {held && 'They stand still while you point at them. '}
        {skipped > 0 && `${count(skipped)} more came too fast to be shown.`}
      </p>
    </div>
  );
}

function Ended({ endedAt, traceId, sampled }: Numbered) {
  const time = <time title={moment(endedAt)}>{clock(endedAt)}</time>;
  return sampled && traceId !== '' ? <a href={href(['trace', traceId])}>{time}</a> : time;
}

function Where({ side, exchange, routingKey, queue, app }: Numbered) {
  const names = [exchange, routingKey, queue].filter((part) => part !== '').map(name);
  return (
    <span title={`${names.join(' → ')}, ${name(app)}`}>
      {side === 'publish' ? 'publish' : 'deliver'} <small>{names.join(' → ')}</small>
    </span>
  );
}
