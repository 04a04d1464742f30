import type { UnknownReason } from '../ports/observer.ts';
import { COMMIT, CONFIRM, REPLY, RETURN } from './open-messages.ts';

/**
 * What a channel is to its broker, in one word.
 *
 * - `plain`: neither confirms nor transactions were selected
 * - `confirming`: the broker confirms each publish, whoever asked for it
 * - `doomed`: `plain`, and the app has sent what makes its broker close the channel and read nothing behind it: until the
 *   close comes, or a reply shows that this broker went on, nothing that is sent counts
 * - `transactional`: publishes and settlements count when they are committed
 * - `closing`: the app has closed the channel or its connection; what it still sends is discarded
 * - `closed`: the broker has closed it, or we towards both sides; likewise
 * - `lost`: its connection is gone
 * - `abandoned`: closed or lost in a transaction: what is sent can't be committed any more, so it was never published
 */
export type ChannelWord =
  | 'plain'
  | 'doomed'
  | 'confirming'
  | 'transactional'
  | 'closing'
  | 'closed'
  | 'lost'
  | 'abandoned';

export type ChannelEvent =
  | 'confirm.select'
  | 'tx.select'
  | 'illegal by app'
  | 'tolerated by broker'
  | 'closed by app'
  | 'closed by broker'
  | 'connection lost';

/** The state that follows; an event that a state does not name changes nothing. */
const TRANSITIONS: Record<ChannelWord, Partial<Record<ChannelEvent, ChannelWord>>> = {
  plain: {
    'confirm.select': 'confirming',
    'tx.select': 'transactional',
    'illegal by app': 'doomed',
    'closed by app': 'closing',
    'closed by broker': 'closed',
    'connection lost': 'lost',
  },
  doomed: {
    'confirm.select': 'confirming',
    'tx.select': 'transactional',
    'tolerated by broker': 'plain',
    'closed by app': 'closing',
    'closed by broker': 'closed',
    'connection lost': 'lost',
  },
  // tx.select makes the broker close it, a second confirm.select changes nothing; whatever the app does, its publishes
  // count when they are confirmed or committed
  confirming: { 'closed by app': 'closing', 'closed by broker': 'closed', 'connection lost': 'lost' },
  transactional: { 'closed by app': 'abandoned', 'closed by broker': 'abandoned', 'connection lost': 'abandoned' },
  // the closes crossed: what the broker says counts
  closing: { 'closed by broker': 'closed' },
  closed: {},
  lost: {},
  abandoned: {},
};

/** What holds in a state. */
interface Holds {
  /** what ends a mandatory publish, RETURN and so on; 0: nothing any more */
  readonly publishesAwait: number;
  /** why nobody will know what became of a publish; undefined: it will be known, or does not count */
  readonly unknown: UnknownReason | undefined;
}

const HOLDS: Record<ChannelWord, Holds> = {
  plain: { publishesAwait: RETURN, unknown: undefined },
  doomed: { publishesAwait: REPLY, unknown: undefined },
  confirming: { publishesAwait: CONFIRM, unknown: undefined },
  transactional: { publishesAwait: COMMIT, unknown: undefined },
  closing: { publishesAwait: 0, unknown: 'unconfirmed_at_close' },
  closed: { publishesAwait: 0, unknown: 'channel_error' },
  lost: { publishesAwait: 0, unknown: 'connection_lost' },
  abandoned: { publishesAwait: 0, unknown: undefined },
};

/** The state of one channel, shared by all that follow it. */
export class ChannelState {
  #word: ChannelWord = 'plain';
  #holds = HOLDS.plain;

  get word(): ChannelWord {
    return this.#word;
  }

  on(event: ChannelEvent): void {
    this.#word = TRANSITIONS[this.#word][event] ?? this.#word;
    this.#holds = HOLDS[this.#word];
  }

  /** The broker still takes what is sent. */
  get isOpen(): boolean {
    return this.#holds.publishesAwait !== 0;
  }

  get publishesAwait(): number {
    return this.#holds.publishesAwait;
  }

  get unknown(): UnknownReason | undefined {
    return this.#holds.unknown;
  }
}
