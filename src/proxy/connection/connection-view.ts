import type { ChannelRow, ConnectionRow } from '../../api.ts';
import type { Channel } from '../session/channel.ts';
import type { Session } from '../session/session.ts';

/** Channels of a connection and consumers of a channel that are listed. */
const MOST_LISTED = 100;

/** What is known of a connection's two sockets since it was made. */
export type Ends = Pick<ConnectionRow, 'peer' | 'upstream' | 'openedAt'>;

/** A connection as somebody who looks sees it now. Nothing of it is kept. */
export class ConnectionView {
  readonly #id: number;
  readonly #session: Session;
  readonly #ends: Ends;
  readonly #bypass: string;

  constructor(id: number, session: Session, ends: Ends, bypass: string) {
    this.#id = id;
    this.#session = session;
    this.#ends = ends;
    this.#bypass = bypass;
  }

  /** Whether `text`, in lower case, stands in the names of the app, its user, vhost, address or queues. */
  has(text: string): boolean {
    const { app, client, vhost } = this.#session;
    if (text === '') return true;
    const isIn = (name: string): boolean => name.toLowerCase().includes(text);
    if ([app, client.connectionName, client.user, vhost, this.#ends.peer].some(isIn)) return true;
    for (const { consumers } of this.#session.channels())
      for (const { queue } of consumers) if (isIn(queue)) return true;
    return false;
  }

  row(): Omit<ConnectionRow, 'sidecar'> {
    const { app, library, client, vhost, isOpen, blockedFor, openChannels } = this.#session;
    const channels = [...this.#session.channels()];
    const listed = channels.slice(0, MOST_LISTED);
    return {
      connection: this.#id,
      // who the broker has not let in is nobody
      app: isOpen ? app : '',
      name: isOpen ? client.connectionName : '',
      client: isOpen ? library : '',
      user: isOpen ? client.user : '',
      vhost: isOpen ? vhost : '',
      ...this.#ends,
      bypass: this.#bypass,
      blocked: blockedFor ?? null,
      unsettled: channels.reduce((sum, { deliveries }) => sum + deliveries.unsettled, 0),
      channels: listed.map(channelRow),
      moreChannels: Math.max(0, openChannels - listed.length),
    };
  }
}

function channelRow({ id, state, prefetch, deliveries, publishes, consumers }: Channel): ChannelRow {
  const all = [...consumers];
  return {
    channel: id,
    state: state.word,
    prefetch: prefetch.consumer,
    prefetchGlobal: prefetch.channel,
    unsettled: deliveries.unsettled,
    openPublishes: publishes.open,
    consumers: all.slice(0, MOST_LISTED).map(({ tag, queue, noAck }) => ({ tag, queue, noAck })),
    moreConsumers: Math.max(0, all.length - MOST_LISTED),
  };
}
