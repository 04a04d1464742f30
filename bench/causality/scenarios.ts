/** An app that handles messages and publishes for them, in a way that the bench knows all about. */
export interface Scenario {
  name: string;
  prefetch: number;
  /** handles all that it holds at a time, each as long as it happens to take; else one after the other */
  concurrent?: boolean;
  /** the next message is sent when the one before was handled, and not all at once */
  quiet?: boolean;
  /** acks first, and publishes later */
  acksFirst?: boolean;
  /** publishes for every second message only */
  sometimes?: boolean;
  /** publishes up to three messages for one */
  several?: boolean;
  /** handles two queues on its connection, and publishes to another topic for each */
  twoQueues?: boolean;
  /** often nothing comes for more than a second */
  pauses?: boolean;
  /** publishes over another connection than the one it consumes on */
  elsewhere?: boolean;
  /** what of a message goes on into what is published for it */
  carries?: 'correlation id' | 'message id as correlation id' | 'traceparent';
  /** publishes every so many milliseconds, for no message */
  timer?: number;
}

export const scenarios: readonly Scenario[] = [
  { name: 'one after the other', prefetch: 1 },
  { name: 'one after the other, quiet', prefetch: 1, quiet: true },
  { name: 'one after the other', prefetch: 10 },
  { name: 'one after the other, quiet', prefetch: 10, quiet: true },
  { name: 'one after the other', prefetch: 100 },
  { name: 'concurrently', prefetch: 10, concurrent: true },
  { name: 'concurrently', prefetch: 100, concurrent: true },
  { name: 'up to three publishes for each', prefetch: 1, several: true },
  { name: 'a publish for every second one', prefetch: 1, sometimes: true },
  { name: 'a publish for every second one, with pauses', prefetch: 1, sometimes: true, pauses: true },
  { name: 'two queues on one connection', prefetch: 1, twoQueues: true },
  { name: 'acks, then publishes', prefetch: 1, acksFirst: true },
  { name: 'acks, then publishes, quiet', prefetch: 1, acksFirst: true, quiet: true },
  { name: 'beside a timer', prefetch: 1, timer: 50 },
  { name: 'beside a timer', prefetch: 10, concurrent: true, timer: 50 },
  { name: 'publishes on another connection', prefetch: 1, elsewhere: true },
  { name: 'concurrently, correlation ids carried on', prefetch: 10, concurrent: true, carries: 'correlation id' },
  { name: 'concurrently, correlation ids carried on', prefetch: 100, concurrent: true, carries: 'correlation id' },
  {
    name: 'concurrently, correlation ids carried on, beside a timer',
    prefetch: 100,
    concurrent: true,
    carries: 'correlation id',
    timer: 50,
  },
  {
    name: 'concurrently, message ids become correlation ids',
    prefetch: 100,
    concurrent: true,
    carries: 'message id as correlation id',
  },
  { name: 'concurrently, traceparent carried on', prefetch: 100, concurrent: true, carries: 'traceparent' },
  {
    name: 'acks, then publishes, correlation ids carried on',
    prefetch: 10,
    acksFirst: true,
    carries: 'correlation id',
  },
];
