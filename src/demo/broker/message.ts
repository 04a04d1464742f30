import type { Properties } from './properties.ts';

export interface Content {
  readonly properties: Properties;
  readonly body: Buffer;
}

/** What was published, however many queues it lies in. */
export interface Message extends Content {
  readonly exchange: string;
  readonly routingKey: string;
}
