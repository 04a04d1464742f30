import type { Speech } from '../../amqp/stranger.ts';

/** What the data plane sees that is probably a mistake in how things were connected. Told once for each kind. */
export type Mistake =
  /** to a listener without TLS */
  | { by: 'app'; speaks: Speech; peer: string }
  /** to one with TLS: why its handshake failed, a code of OpenSSL or of the check of certificates */
  | { by: 'app in TLS'; code: string; peer: string }
  /** in answer to AMQP 0-9-1; `nothing`: it ended the connection without a word */
  | { by: 'upstream'; speaks: Speech | 'nothing'; upstream: string; tls: boolean };
