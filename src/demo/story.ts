import type { Exposition } from './exposition.ts';

/** What is seen of the demo at a moment. */
export interface Scene {
  /** the latest scrape of each app's sidecar */
  orders: Exposition;
  payments: Exposition;
  mails: Exposition;
  /** questions that order-service gave up on */
  unanswered: number;
}

/** Admin URLs of the sidecars. */
export interface Places {
  orders: string;
  payments: string;
  mails: string;
}

interface Chapter {
  /** The sidecars have seen it: it is there where the chapter says. */
  isSeen(scene: Scene): boolean;
  tell(scene: Scene): string;
  where(places: Places): string[];
}

const LATE_S = 1;
/** behind the time */
const INDENT = ' '.repeat(10);
/** at most */
const WIDTH = 100;

const CHAPTERS: Chapter[] = [
  {
    isSeen: ({ mails }) => mails.sum('event_throughput_total', { side: 'consume' }) > 0,
    tell: () =>
      'Orders, payments, mails: order.created leads to payment.settled, and that to a mail. They are one trace, though no app knows of traces: payment-service had that order in hand when it published.',
    where: ({ orders, mails }) => [
      `${orders}/  who talks to whom`,
      `${orders}/#/traces?topic=orders  traces, each as a waterfall`,
      `${mails}/metrics  event_latency_seconds`,
    ],
  },
  {
    isSeen: ({ orders }) => orders.sum('event_lost_total', { reason: 'unroutable' }) > 0,
    tell: ({ orders }) =>
      `An unroutable key: order-service publishes order.archived, for which no queue is bound. The broker drops it and says nothing; ${count(orders.sum('event_lost_total', { reason: 'unroutable' }), 'message')} lost so far.`,
    where: ({ orders }) => [
      `${orders}/#/losses?reason=unroutable  which ones, each with its trace`,
      `${orders}/#/findings  the key that no queue is bound by`,
      `${orders}/metrics  event_lost_total{reason="unroutable"}`,
    ],
  },
  {
    isSeen: ({ mails }) => mails.sum('event_dead_lettered_total') > 0,
    tell: ({ payments, mails }) =>
      `A retry that ends in a dead letter: a card is declined, the order goes back to its queue, is declined again and ends in payment.failed; ${payments.sum('event_requeued_total')} requeued, ${mails.sum('event_dead_lettered_total')} dead-lettered so far.`,
    where: ({ payments, mails }) => [
      `${payments}/#/traces?outcome=failed  traces of orders that failed, attempt by attempt`,
      `${payments}/metrics  event_requeued_total, event_redelivered_total`,
      `${mails}/metrics  event_dead_lettered_total{queue="payment.orders",reason="rejected"}`,
    ],
  },
  {
    isSeen: ({ unanswered }) => unanswered > 0,
    tell: () =>
      'A question without an answer: order-service asks about an express order, payment-service takes the question and says nothing. The broker did all it should, so it is no loss: the answer is missing. A question that is answered is one trace of four spans.',
    where: ({ orders, payments }) => [
      `${payments}/#/traces?topic=payments  traces of questions`,
      `${orders}/metrics  event_reply_seconds, and event_replies_missing_total after half a minute`,
    ],
  },
  {
    isSeen: ({ mails }) => late(mails) > 0,
    tell: ({ mails }) =>
      `A slow consumer: mail-service takes 400 ms a mail for some seconds, twice a minute. Its queue grows, then it catches up; ${count(late(mails), 'mail')} waited longer than ${LATE_S} s.`,
    where: ({ mails }) => [
      `${mails}/#/traces?sort=slowest  the slowest traces`,
      `${mails}/metrics  event_latency_seconds, event_processing_seconds{queue="mails"}`,
    ],
  },
];

/** Tells each chapter once, when the sidecars have seen it. */
export class Story {
  readonly #places: Places;
  readonly #say: (line: string) => void;
  #untold = CHAPTERS;

  constructor(places: Places, say: (line: string) => void) {
    this.#places = places;
    this.#say = say;
  }

  see(scene: Scene): void {
    const seen = this.#untold.filter((chapter) => chapter.isSeen(scene));
    this.#untold = this.#untold.filter((chapter) => !seen.includes(chapter));
    for (const chapter of seen) {
      const time = new Date().toTimeString().slice(0, 8);
      for (const line of wrapped(`${time}  ${chapter.tell(scene)}`)) this.#say(line);
      for (const place of chapter.where(this.#places)) this.#say(`${INDENT}-> ${place}`);
    }
    if (seen.length > 0 && this.#untold.length === 0) this.#say('That was the story; it goes on until Ctrl-C.');
  }
}

/** Messages that took longer than LATE_S from publish to delivery. */
function late(scrape: Exposition): number {
  const within = scrape.sum('event_latency_seconds_bucket', { le: String(LATE_S) });
  return scrape.sum('event_latency_seconds_count') - within;
}

/** In lines that the terminal has room for, all but the first indented. */
function wrapped(text: string): string[] {
  const width = Math.min(process.stdout.columns || WIDTH, WIDTH);
  const lines = [''];
  for (const word of text.split(' ')) {
    const last = lines.length - 1;
    if (lines[last].length + word.length >= width) lines.push(`${INDENT}${word}`);
    else lines[last] += lines[last] === '' ? word : ` ${word}`;
  }
  return lines;
}

const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? '' : 's'}`;
