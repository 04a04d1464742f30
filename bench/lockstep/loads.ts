/** What passes in lock-step: the app's publishes go out in one write, and come back as deliveries in one. */
export interface TurnLoad {
  name: string;
  /** confirms and manual acknowledgement: none, one frame for all messages of a turn, or one for each */
  settles: 'none' | 'together' | 'singly';
  /** exchanges that are published to in turn */
  topics: number;
  /** each message has a message-id and a timestamp of its own */
  differ: boolean;
}

const alike = { topics: 1, differ: false };

export const turnLoads: TurnLoad[] = [
  { name: 'auto-ack', settles: 'none', ...alike },
  { name: 'confirm + ack', settles: 'together', ...alike },
  { name: 'confirm + ack, each by itself', settles: 'singly', ...alike },
  { name: 'auto-ack, 10 topics in turn, changing ids', settles: 'none', topics: 10, differ: true },
];

/** Messages of a turn. */
export const SIZES = [1, 4, 16, 64, 256];

/** The size that goals speak of: what a read brings on a busy connection. */
export const BUSY = 64;

export const BODY = 100;
