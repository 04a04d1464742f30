import type { PoisonAnswer } from '../api.ts';
import type { AdminSources } from './sources.ts';

/** Of the sidecar `own` and its peers: told of last, first. */
export function poisonAnswer(
  own: string,
  { messages, dropped }: ReturnType<AdminSources['poison']>,
  peers: readonly PoisonAnswer[],
): Omit<PoisonAnswer, 'sidecars'> {
  const mine = messages.map((message) => ({ ...message, sidecar: own }));
  const all = [...mine, ...peers.flatMap(({ messages }) => messages)];
  return {
    messages: all.sort((a, b) => (a.lastTold < b.lastTold ? 1 : Number(a.lastTold > b.lastTold) * -1)),
    dropped: peers.reduce((sum, peer) => sum + peer.dropped, dropped),
  };
}
