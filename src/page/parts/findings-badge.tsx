import type { FindingsAnswer, PoisonAnswer } from '../../api.ts';
import { useAsk } from '../data/ask.ts';
import { count, short } from '../format.ts';

const EVERY_MS = 15_000;

/** How many findings and poisonous messages there are; nothing for none. */
export function FindingsBadge() {
  const { answer: findings } = useAsk<FindingsAnswer>('findings', {}, EVERY_MS);
  const { answer: poison } = useAsk<PoisonAnswer>('poison', {}, EVERY_MS);
  const all = (findings?.findings.length ?? 0) + (poison?.messages.length ?? 0);
  if (all === 0) return null;
  return (
    <>
      {' '}
      <span class="badge" title={`${count(all)} findings and poisonous messages`}>
        {short(all)}
      </span>
    </>
  );
}
