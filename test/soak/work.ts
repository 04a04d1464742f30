import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer, Client, Link, Publishing } from './clients.ts';

/** What the apps of a run know by themselves. */
export class Known {
  /** publishes handed to the client, repetitions too */
  attempts = 0;
  acked = 0;
  nacked = 0;
  /** deliveries that came, and those whose settlement was handed to the client */
  delivered = 0;
  settled = 0;
  /** distinct messages that were published until they were acked, and that were consumed */
  readonly published = new Set<number>();
  readonly consumed = new Set<number>();
  /** links that ended without the app's doing */
  broken = 0;
  /** publishes for which the client had no answer at all, for as long as one may take */
  stuck = 0;

  /** Messages that the broker has acknowledged and that nobody got. */
  get missing(): number {
    let missing = 0;
    for (const id of this.published) if (!this.consumed.has(id)) missing++;
    return missing;
  }
}

export interface Work {
  client: Client;
  url: string;
  queue: string;
  known: Known;
}

const IN_FLIGHT = 25;
/** A broker may be away for long on a busy machine, but then the link ends. */
const ANSWER_MS = 180_000;

/** Opens a link however often it takes, until `over`. */
async function relink<L extends Link>(open: () => Promise<L>, over: () => boolean): Promise<L | undefined> {
  while (!over()) {
    const link = await open().catch(() => undefined);
    if (link !== undefined) return link;
    await sleep(50);
  }
  return undefined;
}

/** Undefined too, and counted, when the client leaves it open. */
async function answerOf(link: Publishing, id: number, known: Known): Promise<Answer> {
  const { promise: patience, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ANSWER_MS);
  const left = patience.then((): Answer => {
    known.stuck++;
    return undefined;
  });
  const answer = await Promise.race([link.publish(id), left]);
  clearTimeout(timer);
  return answer;
}

/**
 * Publishes ids until `over`, each again and again until it is acked, on a new link whenever one ends; `pause`: ms
 * between two batches.
 */
export async function produce(work: Work, ids: () => number, over: () => boolean, pause = 0): Promise<void> {
  const { client, url, queue, known } = work;
  const again: number[] = [];
  const next = (): number | undefined => again.shift() ?? (over() ? undefined : ids());
  for (let id = next(); id !== undefined; id = next()) {
    again.unshift(id);
    const link = await relink(
      () => client.publisher(url, queue),
      () => false,
    );
    if (link === undefined) continue;
    let ended = false;
    void link.gone.then(() => {
      ended = true;
    });
    const { stuck } = known;
    while (!ended && known.stuck === stuck && (again.length > 0 || !over())) {
      const batch = Array.from({ length: IN_FLIGHT }, next).filter((each) => each !== undefined);
      known.attempts += batch.length;
      const answers = await Promise.all(batch.map((each) => answerOf(link, each, known)));
      answers.forEach((answer, index) => {
        if (answer === 'ack') {
          known.acked++;
          known.published.add(batch[index]);
          return;
        }
        if (answer === 'nack') known.nacked++;
        again.push(batch[index]);
      });
      // a client that connects again by itself answers at once meanwhile
      if (answers.includes(undefined)) await sleep(100);
      if (pause > 0) await sleep(pause);
    }
    if (ended) known.broken++;
    await link.close();
  }
}

/** Consumes until `over`; a message that comes again is acked and not consumed again. */
export async function consume({ client, url, queue, known }: Work, over: Promise<void>): Promise<void> {
  let isOver = false;
  void over.then(() => {
    isOver = true;
  });
  const taking = {
    delivered(id: number) {
      known.delivered++;
      known.consumed.add(id);
    },
    settled() {
      known.settled++;
    },
  };
  while (!isOver) {
    const link = await relink(
      () => client.consumer(url, queue, taking),
      () => isOver,
    );
    if (link === undefined) return;
    await Promise.race([link.gone, over]);
    if (!isOver) known.broken++;
    await link.close();
  }
}
