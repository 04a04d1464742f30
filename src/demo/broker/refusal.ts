/** Reply codes by the constants that RabbitMQ writes in front of its texts. */
const CODES = {
  CONNECTION_FORCED: 320,
  ACCESS_REFUSED: 403,
  NOT_FOUND: 404,
  RESOURCE_LOCKED: 405,
  PRECONDITION_FAILED: 406,
  FRAME_ERROR: 501,
  SYNTAX_ERROR: 502,
  COMMAND_INVALID: 503,
  CHANNEL_ERROR: 504,
  UNEXPECTED_FRAME: 505,
  NOT_ALLOWED: 530,
  NOT_IMPLEMENTED: 540,
} as const;

export type Reason = keyof typeof CODES;

/** Those that end a channel alone; all others end the connection. */
const OF_A_CHANNEL: ReadonlySet<Reason> = new Set([
  'ACCESS_REFUSED',
  'NOT_FOUND',
  'RESOURCE_LOCKED',
  'PRECONDITION_FAILED',
]);

/** What a client did is refused: thrown by whoever finds it, told to the client by its connection. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: number;
  readonly endsConnection: boolean;
  /** class and method id of what is refused; undefined: the method at hand */
  readonly method: number | undefined;

  constructor(reason: Reason, text: string, method?: number) {
    super(`${reason} - ${text}`);
    this.code = CODES[reason];
    this.method = method;
    this.endsConnection = !OF_A_CHANNEL.has(reason);
  }
}
